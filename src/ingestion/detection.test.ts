import { describe, expect, it } from 'vitest';
import { detect, headLines } from './detection.ts';
import type { FormatName } from './formats/format.ts';

const found = (text: string, requested?: FormatName) => {
  const { format, layout, hasHeader } = detect(headLines(Buffer.from(text), true), requested, 'file');
  return {
    format: format.name,
    layout: layout.kind === 'delimited' ? layout.delimiter : layout.kind,
    hasHeader,
  };
};

describe('detect', () => {
  it.each([
    [
      'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n',
      'online-retail',
      ',',
    ],
    ['Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n', 'online-retail', ','],
    [
      '\ufeff"InvoiceNo";"StockCode";"Description";"Quantity";"InvoiceDate";"UnitPrice";"CustomerID";"Country"\n',
      'online-retail',
      ';',
    ],
    [
      'event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n',
      'rees46',
      ',',
    ],
    ['timestamp,visitorid,event,itemid,transactionid\n', 'retailrocket', ','],
    ['event_id,event_type,event_timestamp,user_id\n', 'events', ','],
    ['event_type\ttimestamp\tuser_id\n', 'events', '\t'],
    ['product_id,name,price\n', 'products', ','],
    ['user_id,first_name,telegram_id\n', 'users', ','],
    ['user_id\n', 'users', ','],
    ['customer_id,date,number_of_cds,dollars\n00001,19970101,1,11.77\n', 'cdnow', ','],
    ['id date cds dollars\n00001 19970101 1 11.77\n', 'cdnow', 'blank'],
  ])('%j is %s', (text, format, layout) => expect(found(text)).toEqual({ format, layout, hasHeader: true }));

  it.each([
    [' 00004 0001 19970101  2   29.33\r\n 00004 0001 19970118  2   29.73\r\n', 'cdnow', 'blank'],
    ['00001 19970101 1 11.77\n00002 19970112 1 12.00\n', 'cdnow', 'blank'],
    ['garbage here\n00001 19970101 1 11.77\n00002 19970112 1 12.00\n', 'cdnow', 'blank'],
    ['00001,19970101,1,11.77\n', 'cdnow', ','],
    ['{"event_type":"view","event_timestamp":"2024-01-01"}\n', 'events', 'ndjson'],
    ['{broken\n{"product_id":1,"name":"x"}\n', 'products', 'ndjson'],
    ['{"user_id":1}\n', 'users', 'ndjson'],
  ])('%j is %s without a header', (text, format, layout) =>
    expect(found(text)).toEqual({ format, layout, hasHeader: false }),
  );

  it('refuses what it does not know', () => {
    expect(() => found('a,b,c\n1,2,3\n')).toThrow(expect.objectContaining({ code: 'IMPORT_FORMAT' }));
    expect(() => found('{"a":1}\n')).toThrow(expect.objectContaining({ code: 'IMPORT_FORMAT' }));
    expect(() => found('\n\n')).toThrow(expect.objectContaining({ code: 'IMPORT_FILE' }));
  });

  it('names the columns that a file lacks', () => {
    expect(() => found('InvoiceNo,StockCode,Quantity\n', 'online-retail')).toThrow(
      expect.objectContaining({
        code: 'IMPORT_HEADER',
        details: { format: 'online-retail', missing: ['invoiceDate', 'unitPrice', 'customer'] },
      }),
    );
    expect(() => found('timestamp,visitorid,event,itemid,transactionid\n', 'rees46')).toThrow(
      /event_time|time/,
    );
    expect(() => found('a b c\n', 'cdnow')).toThrow(expect.objectContaining({ code: 'IMPORT_HEADER' }));
  });

  it('leaves a line that the head cuts off out', () => {
    expect(headLines(Buffer.from('a\nb\nc'), false)).toEqual(['a', 'b']);
    expect(headLines(Buffer.from('a\nb\nc'), true)).toEqual(['a', 'b', 'c']);
  });
});
