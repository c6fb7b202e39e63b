import { describe, expect, it } from 'vitest';
import { detect } from '../detection.ts';
import { splitLine } from '../record-parser.ts';
import { Reject } from '../rejects.ts';
import { type EventDraft, emptyDraft, type FormatName } from './format.ts';

const context = { currency: 'GBP', slashOrder: 'month-first' } as const;

/** What a format makes of a file's rows: drafts or rows, or the code of a reject. */
function read(
  lines: string[],
  format: FormatName,
): (EventDraft & { profile: string; product: unknown } & object)[] {
  const { format: found, layout, header, columns, hasHeader } = detect(lines, format, 'file');
  const rows = lines.slice(hasHeader ? 1 : 0).map((line) => {
    if (layout.kind === 'ndjson') return layout.read(line);
    return layout.kind === 'blank' ? line.trim().split(/\s+/) : splitLine(line, layout.delimiter);
  }) as string[][];
  if (found.kind !== 'events') {
    const bound = found.bind(columns, header, context);
    return rows.map((fields) => bound(fields)) as never;
  }
  const mapper = found.bind(columns, header, context);
  return rows.map((fields) => {
    const draft = emptyDraft();
    const reason = fields instanceof Reject ? fields : mapper.toEvent(fields, draft);
    if (reason !== null) return reason.code;
    return { ...draft, profile: mapper.describeUser(fields), product: mapper.describeProduct(fields) };
  }) as never;
}

describe('online-retail', () => {
  const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
  const rows = (...lines: string[]) => read([header, ...lines], 'online-retail');

  it('makes sales of sales', () => {
    expect(
      rows('536365,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.550,17850,United Kingdom')[0],
    ).toMatchObject({
      eventType: 'purchase',
      timestamp: '2010-12-01 08:26:00',
      userId: '17850',
      productId: '85123A',
      naturalKey: '536365/85123A',
      numbered: true,
      properties: '{"order_id":"536365","quantity":6,"unit_price":2.55}',
      productName: 'WHITE HEART',
      productNameRank: 2,
      productPrice: '2.55',
      profile: '{"country":"United Kingdom"}',
      product: { category: null, isMerchandise: true },
    });
  });

  it('makes refunds of cancellations, positive', () => {
    expect(rows('C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527,United Kingdom')[0]).toMatchObject({
      eventType: 'refund',
      properties: '{"order_id":"C536379","quantity":1,"unit_price":27.5}',
      product: { isMerchandise: false },
      productPrice: '',
    });
  });

  it.each([
    [
      'negative without C',
      '536589,21777,,-10,2010-12-01 16:50:00,0,,United Kingdom',
      '"quantity":-10,"unit_price":0',
    ],
    ['price 0', '536414,22139,,56,2010-12-01 11:52:00,0.00,,United Kingdom', '"quantity":56,"unit_price":0'],
    [
      'negative price',
      'A563186,B,Adjust bad debt,1,2011-08-12 14:51:00,-11062.06,,United Kingdom',
      '"quantity":1,"unit_price":-11062.06,"note":"Adjust bad debt"',
    ],
    [
      'bad debt',
      'A563185,B,Adjust bad debt,1,2011-08-12 14:50:00,11062.06,,United Kingdom',
      '"unit_price":11062.06',
    ],
    ['cancelled and worth nothing', 'C1,22139,?,-1,2011-08-12 14:50:00,0,,United Kingdom', '"quantity":-1'],
  ])('keeps %s as an adjustment', (_name, line, properties) => {
    const [draft] = rows(line);
    expect(draft).toMatchObject({ eventType: 'adjustment', userId: '', productPrice: '' });
    expect(draft?.properties).toContain(properties);
  });

  it('does not name a product by a remark of the warehouse', () => {
    const names = rows(
      '1,22139,damaged,-5,2011-01-01 10:00:00,0,,X',
      '1,22139,?,-5,2011-01-01 10:00:00,0,,X',
      '1,22139,RETRO TEA SET,-5,2011-01-01 10:00:00,0,,X',
      '1,22139,thrown away,5,2011-01-01 10:00:00,1,,X',
    ).map(({ productName, productNameRank }) => [productName, productNameRank]);
    expect(names).toEqual([
      ['', 0],
      ['', 0],
      ['RETRO TEA SET', 1],
      ['thrown away', 2],
    ]);
  });

  it.each([
    'POST',
    'DOT',
    'M',
    'm',
    'D',
    'S',
    'B',
    'C2',
    'CRUK',
    'PADS',
    'AMAZONFEE',
    'BANK CHARGES',
    'gift_0001_20',
    'ADJUST',
    'TEST001',
  ])('%s is no merchandise', (code) =>
    expect(rows(`1,${code},X,1,2011-01-01 10:00:00,1,1,X`)[0]?.product).toMatchObject({
      isMerchandise: false,
    }),
  );

  it.each(['85123A', '10002', '15056BL', '85123a', 'DCGSSGIRL', 'DCGS0003'])('%s is merchandise', (code) =>
    expect(rows(`1,${code},X,1,2011-01-01 10:00:00,1,1,X`)[0]?.product).toMatchObject({
      isMerchandise: true,
    }),
  );

  it('rejects with a reason', () => {
    expect(
      rows(
        '1,A,X,1,2011-02-30 10:00:00,1,1,X',
        '1,A,X,one,2011-01-01 10:00:00,1,1,X',
        '1,A,X,1,2011-01-01 10:00:00,free,1,X',
        ',A,X,1,2011-01-01 10:00:00,1,1,X',
        '1,A,X,1,2011-01-01 10:00:00,1,1',
        '1,A,X,1,2011-01-01 10:00:00,1,1,X,Y',
        `1,${'A'.repeat(600)},X,1,2011-01-01 10:00:00,1,1,X`,
      ),
    ).toEqual(['timestamp', 'number', 'number', 'missing_value', 'columns', 'columns', 'value_too_long']);
  });

  it('takes the columns of Online Retail II, and what data frames and Kaggle make of the file', () => {
    const second = 'Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country';
    const [draft] = read(
      [second, '489434,85048,"LIGHTS, 15CM",12,12/1/2009 7:45,6.95,13085.0,United Kingdom'],
      'online-retail',
    );
    expect(draft).toMatchObject({
      timestamp: '2009-12-01 07:45:00',
      userId: '13085',
      productName: 'LIGHTS, 15CM',
    });
  });
});

describe('cdnow', () => {
  it('knows a customer by the master id in the sample and in the master', () => {
    const [sample] = read([' 00004 0001 19970101  2   29.33'], 'cdnow');
    const [master] = read([' 00004 19970101  2   29.33'], 'cdnow');
    const [frame] = read(['customer_id,date,number_of_cds,dollars', '4,1997-01-01,2,29.330'], 'cdnow');
    expect(sample).toMatchObject({
      eventType: 'purchase',
      userId: '00004',
      productId: '',
      timestamp: '1997-01-01 00:00:00',
      properties: '{"quantity":2,"amount":29.33}',
      naturalKey: '00004/1997-01-01',
    });
    expect(master).toEqual(sample);
    expect(frame).toEqual(sample);
  });

  it('keeps a purchase of 0 dollars and rejects what is none', () => {
    const good = '00001 19970101 1 11.77';
    const drafts = read(
      [
        good,
        good,
        good,
        '00001 19970112 1 0.00',
        '00002 19971301 1 1',
        '00002 19970101 x 1',
        '00002 19970101 1',
      ],
      'cdnow',
    );
    expect(drafts[3]).toMatchObject({ eventType: 'purchase', properties: '{"quantity":1,"amount":0}' });
    expect(drafts.slice(4)).toEqual(['timestamp', 'number', 'columns']);
  });
});

describe('rees46', () => {
  const header =
    'event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session';
  const line = (type: string) =>
    `2019-10-01 00:00:01 UTC,${type},1004856,2053013555631882655,electronics.smart_phone,samsung,130.760,543272936,8187d148`;

  it('maps types, names products and takes a session as an order', () => {
    const [view, cart, removal, purchase] = read(
      [header, ...['view', 'cart', 'remove_from_cart', 'purchase'].map(line)],
      'rees46',
    );
    expect([view, cart, removal, purchase].map((draft) => draft?.eventType)).toEqual([
      'view',
      'add_to_cart',
      'remove_from_cart',
      'purchase',
    ]);
    expect(view).toMatchObject({
      timestamp: '2019-10-01 00:00:01+00',
      properties: '{"unit_price":130.76,"session":"8187d148"}',
      productName: 'samsung smart phone 1004856',
      product: {
        category: 'electronics.smart_phone',
        attributes: '{"brand":"samsung","category_id":"2053013555631882655"}',
      },
    });
    expect(purchase?.properties).toBe('{"order_id":"8187d148","quantity":1,"unit_price":130.76}');
    expect(view?.naturalKey).toMatch(/^20191001000001\.[\w-]{16}$/);
    expect(new Set([view, cart, removal, purchase].map((draft) => draft?.naturalKey)).size).toBe(4);
  });

  it('rejects other types and prices', () => {
    expect(
      read(
        [
          header,
          line('like'),
          line('constructor'),
          line('view').replace('130.760', '-1'),
          line('view').replace('543272936', ''),
        ],
        'rees46',
      ),
    ).toEqual(['event_type', 'event_type', 'number', 'missing_value']);
  });
});

describe('retailrocket', () => {
  it('reads milliseconds and transactions', () => {
    const [view, sale, bad] = read(
      [
        'timestamp,visitorid,event,itemid,transactionid',
        '1433221332117,257597,view,355908,',
        '1433222276276,599528,transaction,356475,4000',
        '1433222276276,599528,bought,356475,4000',
      ],
      'retailrocket',
    );
    expect(view).toMatchObject({
      eventType: 'view',
      timestamp: '2015-06-02 05:02:12.117+00',
      properties: '{}',
      needsPrice: false,
    });
    expect(sale).toMatchObject({
      eventType: 'purchase',
      properties: '{"order_id":"4000","quantity":1}',
      needsPrice: true,
    });
    expect(bad).toBe('event_type');
  });
});

describe('events', () => {
  const header =
    'event_id,event_type,event_timestamp,user_id,product_id,order_id,quantity,unit_price,amount,currency,properties,channel';
  const rows = (...lines: string[]) => read([header, ...lines], 'events');

  it('takes all columns, and those it does not know as properties', () => {
    expect(
      rows('e1,Purchase,2024-01-31T12:00:00Z,u1,p1,o1,2,0.10,,gbp,"{""coupon"":""X"",""n"":1.50}",web')[0],
    ).toMatchObject({
      eventType: 'purchase',
      naturalKey: 'e1',
      numbered: false,
      needsPrice: false,
      properties: '{"order_id":"o1","quantity":2,"unit_price":0.1,"coupon":"X","n":1.5,"channel":"web"}',
    });
  });

  it('wants a price stamped where a sale has none', () => {
    expect(rows('e1,purchase,2024-01-31,u1,p1,,,,,,,')[0]).toMatchObject({
      needsPrice: true,
      properties: '{"quantity":1}',
    });
    expect(rows('e1,purchase,2024-01-31,u1,p1,,,,5,,,')[0]).toMatchObject({
      needsPrice: false,
      properties: '{"amount":5}',
    });
    expect(rows('e1,view,2024-01-31,u1,p1,,,,,,,')[0]).toMatchObject({ needsPrice: false, properties: '{}' });
  });

  it('makes a key of the content where there is no id', () => {
    const [a, b, c] = rows(
      '"",view,2024-01-31,u1,p1,,,,,,,',
      '"",view,2024-01-31,u1,p1,,,,,,,',
      '"",view,2024-01-31,u1,p2,,,,,,,',
    );
    expect(a).toMatchObject({ numbered: true });
    expect(a?.naturalKey).toBe(b?.naturalKey);
    expect(a?.naturalKey).not.toBe(c?.naturalKey);
  });

  it('rejects with a reason', () => {
    expect(
      rows(
        'e,,2024-01-31,u,p,,,,,,,',
        'e,view,yesterday,u,p,,,,,,,',
        'e,purchase,2024-01-31,u,p,,-1,,,,,',
        'e,refund,2024-01-31,u,p,,1,,-5,,,',
        'e,purchase,2024-01-31,u,p,,1,5,,EUR,,',
        'e,view,2024-01-31,u,p,,,,,,[1],',
        'e,view,2024-01-31,u,p,,,,,,"{""amount"":""much""}",',
        'e,view,2024-01-31,u,p,,,,,,"{""a"":""\\u0000""}",',
      ),
    ).toEqual(['event_type', 'timestamp', 'number', 'number', 'currency', 'json', 'number', 'json']);
  });

  it('reads the same from NDJSON, digit by digit', () => {
    const line =
      '{"event_id":7,"event_type":"purchase","event_timestamp":1706702400,"user_id":5,"amount":12345678901234567.10,"tags":["a"],"properties":{"x":{"y":0.10}}}';
    expect(read([line], 'events')[0]).toMatchObject({
      naturalKey: '7',
      userId: '5',
      timestamp: '2024-01-31 12:00:00.000+00',
      properties: '{"amount":12345678901234567.1,"tags":["a"],"x":{"y":0.1}}',
    });
    expect(read([line, '{"event_type":', '{"event_type":["x"]}'], 'events').slice(1)).toEqual([
      'json',
      'json',
    ]);
  });
});

describe('products', () => {
  it('reads a catalogue', () => {
    const [row, sparse] = read(
      [
        'product_id,name,category,price,currency,description,stock,attributes,colour',
        '1,Чашка,Посуда,2.50,GBP,Белая,7,"{""ml"":300}",white',
        '2,,,,,,,,',
      ],
      'products',
    );
    expect(row).toEqual({
      externalId: '1',
      name: 'Чашка',
      category: 'Посуда',
      price: '2.5',
      description: 'Белая',
      stock: '7',
      isMerchandise: null,
      attributes: '{"ml":300,"colour":"white"}',
    });
    expect(sparse).toMatchObject({ externalId: '2', name: null, price: null, attributes: null });
  });

  it('rejects with a reason', () => {
    const codes = read(
      [
        'product_id,name,price,currency,stock,is_merchandise',
        ',x,1,,,',
        '1,x,-1,,,',
        '1,x,1,USD,,',
        '1,x,1,,lots,',
        '1,x,1,,,maybe',
      ],
      'products',
    ).map((row) => row instanceof Reject && row.code);
    expect(codes).toEqual(['missing_value', 'number', 'currency', 'number', 'missing_value']);
  });
});

describe('users', () => {
  it('reads customers', () => {
    expect(
      read(
        [
          '{"user_id":17850,"telegram_id":123456789,"first_name":"Анна","registration_date":"2024-01-31","city":"Казань","profile":{"vip":true}}',
        ],
        'users',
      )[0],
    ).toEqual({
      externalId: '17850',
      telegramId: '123456789',
      firstName: 'Анна',
      lastName: null,
      username: null,
      registrationDate: '2024-01-31 00:00:00',
      profile: '{"city":"Казань","vip":true}',
    });
  });

  it('rejects placeholders and junk', () => {
    const codes = read(
      ['user_id,telegram_id,registration_date', '1,-5,', '1,@anna,', ',5,', '1,5,soon'],
      'users',
    ).map((row) => row instanceof Reject && row.code);
    expect(codes).toEqual(['number', 'number', 'missing_value', 'timestamp']);
  });
});
