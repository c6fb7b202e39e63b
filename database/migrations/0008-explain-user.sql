-- The numbers behind a customer's scores, as sentences in English and Russian.
-- PL/pgSQL where a query is more than one expression: it keeps its plan, SQL functions that cannot be inlined are planned at each call.
-- A counted noun is written 'order|orders|заказ|заказа|заказов': English one and many; Russian for 1, for 2 and fractions, for 5.

CREATE FUNCTION app_schema.format_number(p_number numeric, p_decimals integer, p_language text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  -- Without D and G: the session's lc_numeric never matters. In Russian a blank that does not break the line separates thousands.
  SELECT translate(
    to_char(round(p_number, p_decimals), 'FM999,999,999,999,999,999,990' || CASE WHEN p_decimals > 0 THEN rpad('.', 1 + p_decimals, '0') ELSE '' END),
    ',.', CASE p_language WHEN 'ru' THEN chr(160) || ',' ELSE ',.' END)
$function$;
COMMENT ON FUNCTION app_schema.format_number(numeric, integer, text) IS 'A number as people write it: 1,234.5 in English (en), 1 234,5 in Russian (ru)';

CREATE FUNCTION app_schema.format_money(p_amount numeric, p_currency text, p_language text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT app_schema.format_number(p_amount, CASE WHEN round(p_amount, 2) % 1 = 0 THEN 0 ELSE 2 END, p_language) || ' ' || p_currency
$function$;
COMMENT ON FUNCTION app_schema.format_money(numeric, text, text) IS 'An amount with its currency; whole amounts without decimals';

CREATE FUNCTION app_schema.format_probability(p_probability numeric, p_language text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  -- Nobody knows a customer to a hundredth of a percent, and no forecast is certain.
  SELECT CASE
      WHEN p_probability < 0.0005 THEN CASE p_language WHEN 'ru' THEN 'меньше ' ELSE 'less than ' END
      WHEN p_probability > 0.9995 THEN CASE p_language WHEN 'ru' THEN 'больше ' ELSE 'more than ' END
      ELSE ''
    END
    || app_schema.format_number(
      100 * least(0.999, greatest(0.001, p_probability)), CASE WHEN p_probability BETWEEN 0.0995 AND 0.9 THEN 0 ELSE 1 END, p_language)
    || CASE p_language WHEN 'ru' THEN chr(160) || '%' ELSE '%' END
$function$;
COMMENT ON FUNCTION app_schema.format_probability(numeric, text) IS 'A probability in percent, with a decimal near 0 and 1, and never 0 % or 100 %';

CREATE FUNCTION app_schema.plural_form(p_number numeric, p_forms text, p_language text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT split_part(p_forms, '|', CASE
      WHEN p_language <> 'ru' THEN CASE WHEN p_number = 1 THEN 1 ELSE 2 END
      WHEN p_number % 1 <> 0 THEN 4
      WHEN p_number % 100 BETWEEN 11 AND 14 THEN 5
      WHEN p_number % 10 = 1 THEN 3
      WHEN p_number % 10 BETWEEN 2 AND 4 THEN 4
      ELSE 5
    END)
$function$;
COMMENT ON FUNCTION app_schema.plural_form(numeric, text, text) IS
  'The form of a noun after a number; p_forms is order|orders|заказ|заказа|заказов: English one and many, Russian after 1, after 2 and fractions, after 5';

CREATE FUNCTION app_schema.count_words(p_number numeric, p_forms text, p_language text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_shown numeric := trim_scale(round(p_number, CASE WHEN p_number < 1 THEN 2 WHEN p_number < 10 THEN 1 ELSE 0 END));
BEGIN
  RETURN app_schema.format_number(v_shown, scale(v_shown), p_language) || ' ' || app_schema.plural_form(v_shown, p_forms, p_language);
END
$function$;
COMMENT ON FUNCTION app_schema.count_words(numeric, text, text) IS 'A number and its noun: 4 orders, 0.4 orders; p_forms as in plural_form';

CREATE FUNCTION app_schema.days_ago(p_days numeric, p_language text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT CASE
    WHEN p_days = 0 THEN CASE p_language WHEN 'ru' THEN 'сегодня' ELSE 'today' END
    WHEN p_days = 1 THEN CASE p_language WHEN 'ru' THEN 'вчера' ELSE 'yesterday' END
    ELSE app_schema.count_words(p_days, 'day ago|days ago|день назад|дня назад|дней назад', p_language)
  END
$function$;
COMMENT ON FUNCTION app_schema.days_ago(numeric, text) IS 'today, yesterday, 42 days ago';

CREATE FUNCTION app_schema.within_days(p_days numeric, p_language text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT CASE p_language WHEN 'ru' THEN 'в течение ' ELSE 'within ' END || app_schema.count_words(p_days, 'day|days|дня|дней|дней', p_language)
$function$;
COMMENT ON FUNCTION app_schema.within_days(numeric, text) IS 'within 30 days';

CREATE FUNCTION app_schema.feature_words()
RETURNS TABLE (
  feature text, unit text, forms text, words_en text, words_ru text, zero_en text, zero_ru text, none_en text, none_ru text, name_en text, name_ru text
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  VALUES
    ('purchase_model', 'probability', NULL, 'by the purchases alone it would be {}', 'по одним только покупкам было бы {}', NULL, NULL, NULL, NULL,
      'the rhythm of the purchases', 'ритм покупок'),
    ('since_last_purchase', 'ago', NULL, 'last bought {}', 'последняя покупка {}', NULL, NULL, NULL, NULL,
      'the time since the last purchase', 'время с последней покупки'),
    ('overdue', 'ratio', NULL, '{} times the usual gap has passed since the last purchase', 'с последней покупки прошло {} обычного промежутка',
      'bought today', 'покупка сегодня', 'bought on one day only, no usual gap yet', 'покупки были лишь в один день, обычного промежутка ещё нет',
      'the last purchase against the usual gap', 'последняя покупка в сравнении с обычным промежутком'),
    ('usual_gap', 'count', 'day|days|день|дня|дней', 'usually {} between purchases', 'обычно {} между покупками', NULL, NULL,
      'bought on one day only, no usual gap yet', 'покупки были лишь в один день, обычного промежутка ещё нет',
      'the usual gap between purchases', 'обычный промежуток между покупками'),
    ('gap_deviation_days', 'count', 'day|days|день|дня|дней', 'gaps between purchases vary by {}', 'промежутки между покупками расходятся на {}',
      'even gaps between purchases', 'ровные промежутки между покупками',
      'no gaps between purchases to compare', 'промежутков между покупками для сравнения нет',
      'how even the gaps between purchases are', 'равномерность покупок'),
    ('order_value', 'money', NULL, 'average order {}', 'средний чек {}', NULL, NULL, NULL, NULL, 'the average order', 'средний чек'),
    ('frequency', 'count', 'repeat purchase|repeat purchases|повторная покупка|повторные покупки|повторных покупок', '{}', '{}',
      'no repeat purchases', 'ни одной повторной покупки', NULL, NULL, 'the number of repeat purchases', 'число повторных покупок'),
    ('t_days', 'ago', NULL, 'first bought {}', 'первая покупка {}', NULL, NULL, NULL, NULL,
      'the time since the first purchase', 'время с первой покупки'),
    ('orders', 'count', 'order|orders|заказ|заказа|заказов', '{}', '{}', 'no orders', 'ни одного заказа', NULL, NULL,
      'the number of orders', 'число заказов'),
    ('refund_events', 'count', 'refund|refunds|возврат|возврата|возвратов', '{}', '{}', 'no refunds', 'ни одного возврата', NULL, NULL,
      'the number of refunds', 'число возвратов'),
    ('tenure_days', 'ago', NULL, 'first seen {}', 'первая активность {}', NULL, NULL, NULL, NULL,
      'the time since the first visit', 'время с первой активности'),
    ('inactive_days', 'ago', NULL, 'last seen {}', 'последняя активность {}', NULL, NULL, NULL, NULL,
      'the time since the last visit', 'время с последней активности'),
    ('season_days_30', 'count', 'purchase day|purchase days|день с покупками|дня с покупками|дней с покупками',
      '{} in the 30 days after this date last year', '{} за 30 дней после этой даты год назад',
      'no purchases in the 30 days after this date last year', 'ни одной покупки за 30 дней после этой даты год назад', NULL, NULL,
      'purchases at this time last year', 'покупки в это же время год назад'),
    ('season_days_90', 'count', 'purchase day|purchase days|день с покупками|дня с покупками|дней с покупками',
      '{} in the 90 days after this date last year', '{} за 90 дней после этой даты год назад',
      'no purchases in the 90 days after this date last year', 'ни одной покупки за 90 дней после этой даты год назад', NULL, NULL,
      'purchases in this season last year', 'покупки в этот же сезон год назад'),
    -- From here on within a window of days that ends the feature's name: views_30.
    ('purchase_days', 'count', 'purchase day|purchase days|день с покупками|дня с покупками|дней с покупками', '{}', '{}',
      'no purchases', 'ни одной покупки', NULL, NULL, 'the number of purchase days', 'число дней с покупками'),
    ('active_days', 'count', 'active day|active days|активный день|активных дня|активных дней', '{}', '{}',
      'no active days', 'ни одного активного дня', NULL, NULL, 'the number of active days', 'число активных дней'),
    ('views', 'count', 'view|views|просмотр|просмотра|просмотров', '{}', '{}', 'no views', 'ни одного просмотра', NULL, NULL,
      'the number of views', 'число просмотров'),
    ('carts', 'count', 'cart addition|cart additions|добавление в корзину|добавления в корзину|добавлений в корзину', '{}', '{}',
      'nothing put into the cart', 'ничего не добавлено в корзину', NULL, NULL, 'the number of cart additions', 'число добавлений в корзину'),
    ('bot_events', 'count', 'bot command|bot commands|команда боту|команды боту|команд боту', '{}', '{}',
      'no bot commands', 'ни одной команды боту', NULL, NULL, 'the number of bot commands', 'число команд боту')
$function$;
COMMENT ON FUNCTION app_schema.feature_words() IS
  'How people speak of what moved a probability: {} in words_… is the customer''s own value; zero_… stands for 0, none_… where the customer has no value, name_… where it is not known';

CREATE FUNCTION app_schema.describe_feature(p_reason jsonb, p_currency text, p_language text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  RETURN (
    WITH asked AS (
      SELECT coalesce(w.parts[1], p_reason ->> 'feature') AS feature, w.parts[2]::numeric AS days, (p_reason ->> 'value')::numeric AS value
      FROM (SELECT regexp_match(p_reason ->> 'feature', '^(purchase_days|active_days|views|carts|bot_events)_(\d{1,4})$') AS parts) w
    )
    SELECT coalesce(
        CASE
          WHEN a.value IS NULL THEN coalesce(CASE WHEN p_reason ? 'value' THEN t.none END, t.name)
          WHEN a.value = 0 AND t.zero IS NOT NULL THEN t.zero
          ELSE replace(t.words, '{}', CASE f.unit
              WHEN 'ago' THEN app_schema.days_ago(a.value, p_language)
              WHEN 'count' THEN app_schema.count_words(a.value, f.forms, p_language)
              WHEN 'money' THEN app_schema.format_money(a.value, p_currency, p_language)
              WHEN 'probability' THEN app_schema.format_probability(a.value, p_language)
              WHEN 'ratio' THEN app_schema.format_number(a.value, 1, p_language)
            END)
        END || CASE WHEN a.days IS NULL THEN '' ELSE
          app_schema.plural_form(a.days, ' in the last | in the last | за последний | за последние | за последние ', p_language)
          || app_schema.count_words(a.days, 'day|days|день|дня|дней', p_language)
        END,
        a.feature || coalesce(' = ' || app_schema.format_number(a.value, scale(trim_scale(round(a.value, 3))), p_language), ''))
    FROM asked a
    LEFT JOIN app_schema.feature_words() f ON f.feature = a.feature
    CROSS JOIN LATERAL (
      SELECT f.words_en, f.zero_en, f.none_en, f.name_en WHERE p_language <> 'ru'
      UNION ALL
      SELECT f.words_ru, f.zero_ru, f.none_ru, f.name_ru WHERE p_language = 'ru'
    ) t (words, zero, none, name)
  );
END
$function$;
COMMENT ON FUNCTION app_schema.describe_feature(jsonb, text, text) IS
  'A {feature, value} of explanation in words; a feature nobody put in words goes by its name';

CREATE FUNCTION app_schema.describe_missing(p_missing jsonb, p_language text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  RETURN (
    WITH russian (pattern, words) AS (
      VALUES
        ('^customers who bought$', 'покупателей хотя бы с одной покупкой'),
        ('^days since the first purchase$', 'дней с первой покупки в магазине'),
        ('^purchases that (\S+) can be fitted to$', 'покупок, к которым подходит модель \1'),
        ('^amounts that (\S+) can be fitted to \(the largest mean spend is (\S+)\)$', 'сумм, к которым подходит модель \1 (наибольший средний чек — \2)'),
        ('^days of history before the cut-off (\d+) days ago$', 'дней истории раньше, чем за \1 дн. до расчёта'),
        ('^customers who bought in the last (\d+) days, of those who had bought before$', 'купивших за последние \1 дн. из тех, кто покупал раньше'),
        ('^customers who bought in the last (\d+) days, of those who had only looked before$', 'купивших за последние \1 дн. из тех, кто раньше только смотрел'),
        ('^customers who did not buy in the last (\d+) days, of those who had bought before$', 'не купивших за последние \1 дн. из тех, кто покупал раньше'),
        ('^customers who did not buy in the last (\d+) days, of those who had only looked before$',
          'не купивших за последние \1 дн. из тех, кто раньше только смотрел')
    ), said AS (
      SELECT coalesce((
          SELECT regexp_replace(p_missing ->> 'what', r.pattern, r.words)
          FROM russian r WHERE p_language = 'ru' AND p_missing ->> 'what' ~ r.pattern
        ), p_missing ->> 'what') AS what,
        trim_scale((p_missing ->> 'have')::numeric) AS have, trim_scale((p_missing ->> 'need')::numeric) AS need
    )
    SELECT CASE
        -- No count: there is none of it.
        WHEN s.need = 1 THEN CASE p_language WHEN 'ru' THEN 'Не хватает: ' ELSE 'Missing: ' END || s.what || '.'
        ELSE upper(left(s.what, 1)) || substr(s.what, 2) || format(
          CASE p_language WHEN 'ru' THEN ': есть %s, нужно не меньше %s.' ELSE ': %s so far, at least %s are needed.' END,
          app_schema.format_number(s.have, scale(s.have), p_language), app_schema.format_number(s.need, scale(s.need), p_language))
      END
    FROM said s
  );
END
$function$;
COMMENT ON FUNCTION app_schema.describe_missing(jsonb, text) IS 'One of explanation.missing, {what, have, need}, as a sentence';

CREATE FUNCTION app_schema.describe_reasons(p_because jsonb, p_is_churn boolean, p_currency text, p_language text)
RETURNS TABLE (kind text, feature text, value numeric, effect double precision, text text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  RETURN QUERY
    SELECT CASE WHEN e.effect > 0 THEN 'for' ELSE 'against' END, r.reason ->> 'feature', (e.reason ->> 'value')::numeric, e.effect,
      CASE p_language
        WHEN 'ru' THEN CASE e.strength WHEN 2 THEN 'Сильно ' WHEN 1 THEN 'Заметно ' ELSE 'Немного ' END
          || CASE WHEN e.effect > 0 THEN 'повышает: ' ELSE 'снижает: ' END
        ELSE CASE WHEN e.effect > 0 THEN 'Raises it ' ELSE 'Lowers it ' END
          || CASE e.strength WHEN 2 THEN 'strongly: ' WHEN 1 THEN 'somewhat: ' ELSE 'slightly: ' END
      END || app_schema.describe_feature(e.reason, p_currency, p_language) || '.'
    FROM jsonb_array_elements(p_because) WITH ORDINALITY r (reason, place)
    CROSS JOIN LATERAL (SELECT (r.reason ->> 'effect')::double precision) p (effect)
    -- Stored is what speaks for a purchase; churn is that there is none.
    CROSS JOIN LATERAL (
      SELECT CASE WHEN p_is_churn THEN -p.effect ELSE p.effect END,
        -- In log-odds: from .7 on the odds double or halve, from .3 on they change by a third or more.
        CASE WHEN abs(p.effect) >= 0.7 THEN 2 WHEN abs(p.effect) >= 0.3 THEN 1 ELSE 0 END,
        CASE
          WHEN p_is_churn AND r.reason ->> 'feature' = 'purchase_model' AND r.reason ->> 'value' IS NOT NULL
            THEN jsonb_set(r.reason, '{value}', to_jsonb(1 - (r.reason ->> 'value')::numeric))
          ELSE r.reason
        END
    ) e (effect, strength, reason)
    ORDER BY r.place;
END
$function$;
COMMENT ON FUNCTION app_schema.describe_reasons(jsonb, boolean, text, text) IS
  'explanation.purchase_because or no_churn_because in words, strongest first: for raises the probability (of churn where p_is_churn), effect is in log-odds before calibration';

CREATE FUNCTION app_schema.describe_basis(p_explanation jsonb, p_chosen text, p_language text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  RETURN (
    SELECT CASE
      WHEN p_chosen = 'recency' THEN format(
        CASE p_language WHEN 'ru' THEN 'Учтено только время с последней покупки: %s.' ELSE 'Only the time since the last purchase counts: %s.' END,
        app_schema.count_words(b.last, 'day|days|день|дня|дней', p_language))
      WHEN b.first = b.last THEN format(
        CASE p_language WHEN 'ru' THEN 'Учтена только история покупок: один день, %s.' ELSE 'Only the purchases count: all on one day, %s.' END,
        app_schema.days_ago(b.last, p_language))
      ELSE format(
        CASE p_language
          WHEN 'ru' THEN 'Учтена только история покупок: %s, первый %s, последний %s.'
          ELSE 'Only the purchases count: %s, the first %s, the last %s.'
        END,
        app_schema.count_words(b.repeats + 1, 'purchase day|purchase days|день с покупками|дня с покупками|дней с покупками', p_language),
        app_schema.days_ago(b.first, p_language), app_schema.days_ago(b.last, p_language))
    END
    FROM (
      SELECT (p_explanation ->> 'days_since_first_purchase')::numeric, (p_explanation ->> 'days_since_last_purchase')::numeric,
        (p_explanation ->> 'repeat_purchase_days')::numeric
    ) b (first, last, repeats)
    WHERE num_nulls(b.first, b.last, b.repeats) = 0
  );
END
$function$;
COMMENT ON FUNCTION app_schema.describe_basis(jsonb, text, text) IS
  'What a probability rests on where no classifier made it; p_chosen is the candidate that was chosen';

CREATE FUNCTION app_schema.describe_purchases(p_explanation jsonb, p_as_of date, p_currency text, p_language text) RETURNS SETOF text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  RETURN QUERY
    WITH story AS (
      SELECT p_language = 'ru' AS ru, app_schema.format_money(t.revenue, p_currency, p_language) AS revenue,
        app_schema.count_words(t.orders, 'order|orders|заказ|заказа|заказов', p_language) AS orders,
        to_char(p_as_of - t.first::integer, CASE p_language WHEN 'ru' THEN 'DD.MM.YYYY' ELSE 'YYYY-MM-DD' END) AS since,
        app_schema.days_ago(t.last, p_language) AS ago, t.first = t.last AS on_one_day,
        -- One gap is no rhythm.
        CASE WHEN t.repeats > 1 THEN app_schema.count_words((t.first - t.last) / t.repeats, 'day|days|день|дня|дней', p_language) END AS gap,
        CASE WHEN t.repeats > 1 THEN app_schema.format_probability(t.alive, p_language) END AS alive
      FROM (
        SELECT (p_explanation ->> 'historic_revenue')::numeric, (p_explanation ->> 'orders')::numeric,
          (p_explanation ->> 'days_since_first_purchase')::numeric, (p_explanation ->> 'days_since_last_purchase')::numeric,
          (p_explanation ->> 'repeat_purchase_days')::numeric, (p_explanation ->> 'probability_alive')::numeric
      ) t (revenue, orders, first, last, repeats, alive)
    )
    SELECT CASE
      WHEN s.on_one_day THEN format(
        CASE WHEN s.ru THEN 'Покупки принесли %s: %s %s, %s.' ELSE 'Has brought %s in %s on %s, %s.' END, s.revenue, s.orders, s.since, s.ago)
      ELSE format(
        CASE WHEN s.ru THEN 'Покупки принесли %s: %s с %s%s, последний раз %s.' ELSE 'Has brought %s in %s since %s%s, the last time %s.' END,
        s.revenue, s.orders, s.since,
        coalesce(CASE WHEN s.ru THEN ', в среднем раз в ' ELSE ', on average every ' END || s.gap, ''), s.ago)
    END
    FROM story s WHERE num_nulls(s.revenue, s.orders, s.since, s.ago) = 0
    UNION ALL
    SELECT format(
      CASE WHEN s.ru THEN 'Судя по этому ритму, остаётся покупателем с вероятностью %s.' ELSE 'By this rhythm, still a customer with a probability of %s.' END,
      s.alive)
    FROM story s WHERE s.alive IS NOT NULL;
END
$function$;
COMMENT ON FUNCTION app_schema.describe_purchases(jsonb, date, text, text) IS
  'What a customer bought, since when, how often and how long ago, from explanation; p_as_of is the day from which its days count back';

CREATE FUNCTION app_schema.describe_forecast(p_explanation jsonb, p_parameters jsonb, p_currency text, p_language text) RETURNS SETOF text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  RETURN QUERY
    WITH forecast AS (
      SELECT p_language = 'ru' AS ru, f.*
      FROM (
        SELECT (p_explanation ->> 'expected_purchases')::numeric, (p_explanation ->> 'expected_spend')::numeric,
          (p_explanation ->> 'predicted_revenue')::numeric, (p_explanation ->> 'historic_revenue')::numeric,
          (p_explanation ->> 'ltv_low')::numeric, (p_explanation ->> 'ltv_high')::numeric,
          (p_explanation ->> 'discounted_revenue')::numeric, (p_parameters ->> 'discountHorizonDays')::numeric,
          (p_parameters ->> 'discountRate')::numeric, (p_parameters ->> 'horizonDays')::numeric, (p_parameters ->> 'refundShare')::numeric,
          coalesce((p_parameters ->> 'extrapolated')::boolean, false)
      ) f (purchases, spend, revenue, historic, low, high, discounted, discount_horizon, discount_rate, horizon, refunds, extrapolated)
    )
    SELECT format(
        CASE WHEN f.ru THEN 'Ожидаем %s%s%s: %s%s.' ELSE 'We expect %s%s%s: %s%s.' END,
        CASE
          WHEN f.purchases < 0.005 THEN CASE WHEN f.ru THEN 'меньше 0,01 покупки' ELSE 'less than 0.01 purchases' END
          ELSE format(
            CASE WHEN f.ru THEN 'ещё %s в среднем на %s' ELSE '%s of %s on average' END,
            app_schema.count_words(f.purchases, 'more purchase|more purchases|покупку|покупки|покупок', p_language),
            app_schema.format_money(f.spend, p_currency, p_language))
        END,
        coalesce(' ' || app_schema.within_days(f.horizon, p_language), ''),
        CASE WHEN f.refunds >= 0.0005 THEN format(
          CASE WHEN f.ru THEN ', за вычетом обычных возвратов (%s)' ELSE ', less the usual refunds (%s)' END,
          app_schema.format_probability(f.refunds, p_language)) ELSE '' END,
        app_schema.format_money(f.revenue, p_currency, p_language),
        -- Stored is the interval of the whole value; what was paid already is certain.
        CASE WHEN num_nulls(f.low, f.high, f.historic) > 0 THEN '' ELSE format(
          CASE WHEN f.ru THEN ' (в 8 случаях из 10 — от %s до %s)' ELSE ' (in 8 of 10 cases between %s and %s)' END,
          app_schema.format_number(greatest(0, f.low - f.historic), CASE WHEN f.high - f.low < 10 THEN 2 ELSE 0 END, p_language),
          app_schema.format_number(f.high - f.historic, CASE WHEN f.high - f.low < 10 THEN 2 ELSE 0 END, p_language)) END)
    FROM forecast f WHERE num_nulls(f.purchases, f.spend, f.revenue) = 0
    UNION ALL
    SELECT format(
      CASE
        WHEN f.ru THEN 'Покупки %s стоят сегодня %s (с дисконтом %s в год).'
        ELSE 'What comes %s is worth %s today (discounted by %s a year).'
      END,
      app_schema.within_days(f.discount_horizon, p_language), app_schema.format_money(f.discounted, p_currency, p_language),
      app_schema.format_number(100 * f.discount_rate, 0, p_language) || CASE WHEN f.ru THEN chr(160) || '%' ELSE '%' END)
    FROM forecast f WHERE num_nulls(f.discounted, f.discount_horizon, f.discount_rate) = 0
    UNION ALL
    SELECT CASE
      WHEN f.ru THEN 'История магазина короче этого срока, так далеко прогноз никто не проверял.'
      ELSE 'The shop''s history is shorter than that: no forecast so far ahead could be checked.'
    END
    FROM forecast f WHERE f.extrapolated;
END
$function$;
COMMENT ON FUNCTION app_schema.describe_forecast(jsonb, jsonb, text, text) IS
  'What a customer is expected to bring, from explanation and the run''s parameters.ltv';

CREATE FUNCTION app_schema.describe_absence(p_user_id integer, p_language text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  RETURN (
    SELECT CASE
        WHEN r.as_of IS NULL THEN
          CASE p_language WHEN 'ru' THEN 'Оценок нет: расчёт ещё не запускали.' ELSE 'Not scored: no scoring has run yet.' END
        WHEN NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = p_user_id AND e.event_timestamp < r.as_of) THEN
          CASE p_language WHEN 'ru' THEN 'Оценок нет: до последнего расчёта не было ни одного события.' ELSE 'Not scored: no event before the last scoring.' END
        WHEN r.visitors_lack_data
          AND NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = p_user_id AND e.event_type = 'purchase' AND e.event_timestamp < r.as_of) THEN
          CASE p_language
            WHEN 'ru' THEN 'Оценок нет: покупок ещё не было, а о первых покупках других посетителей известно слишком мало.'
            ELSE 'Not scored: has bought nothing yet, and too little is known of other visitors'' first purchases.'
          END
        ELSE
          CASE p_language
            WHEN 'ru' THEN 'Оценок нет: события загружены после последнего расчёта, следующий их учтёт.'
            ELSE 'Not scored: the events came in after the last scoring, the next one will count them.'
          END
      END
    FROM (SELECT) nothing
    LEFT JOIN LATERAL (
      SELECT l.as_of, l.evaluation -> 'firstPurchase' ? 'missing' AS visitors_lack_data FROM app_schema.get_latest_run('scoring') l
    ) r ON true
  );
END
$function$;
COMMENT ON FUNCTION app_schema.describe_absence(integer, text) IS 'Why a customer has no scores';

CREATE FUNCTION app_schema.describe_score(p_score text, p_status text, p_value text, p_within text, p_language text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  RETURN (
    SELECT format(CASE p_language WHEN 'ru' THEN w.ru ELSE w.en END, p_value, ' ' || p_within)
    FROM (VALUES
      ('segment', 'ok', '%1$s', '%1$s'),
      ('segment', 'never_bought', 'No segment before the first purchase.', 'До первой покупки сегмента нет.'),
      ('segment', 'not_scored', 'No segment yet.', 'Сегмента пока нет.'),
      ('ltv', 'ok', 'Is worth %1$s, counting what came so far and what we expect%2$s.', 'Ценность (LTV) — %1$s: уже полученное и ожидаемое%2$s.'),
      ('ltv', 'insufficient_data', 'No lifetime value yet: too little data.', 'Ценность (LTV) пока не посчитать: мало данных.'),
      ('ltv', 'never_bought', 'No lifetime value before the first purchase.', 'До первой покупки ценности (LTV) нет.'),
      ('ltv', 'not_scored', 'No lifetime value yet.', 'Ценности (LTV) пока нет.'),
      ('purchase', 'ok', 'Will buy%2$s with a probability of %1$s.', 'Купит%2$s с вероятностью %1$s.'),
      ('purchase', 'first', 'Will make a first purchase%2$s with a probability of %1$s.', 'Сделает первую покупку%2$s с вероятностью %1$s.'),
      ('purchase', 'insufficient_data', 'No probability of a purchase yet: too little data.', 'Вероятность покупки пока не посчитать: мало данных.'),
      ('purchase', 'not_scored', 'No probability of a purchase yet.', 'Вероятности покупки пока нет.'),
      ('churn', 'ok', 'Will buy nothing%2$s with a probability of %1$s.', 'Ничего не купит%2$s с вероятностью %1$s.'),
      ('churn', 'insufficient_data', 'No probability of churn yet: too little data.', 'Вероятность оттока пока не посчитать: мало данных.'),
      ('churn', 'never_bought', 'No churn before the first purchase.', 'До первой покупки об оттоке говорить рано.'),
      ('churn', 'not_scored', 'No probability of churn yet.', 'Вероятности оттока пока нет.')
    ) w (score, status, en, ru)
    WHERE w.score = p_score AND w.status = p_status
  );
END
$function$;
COMMENT ON FUNCTION app_schema.describe_score(text, text, text, text, text) IS
  'One score in a sentence by its status; first is the probability of a visitor''s first purchase, p_within the horizon in words';

CREATE FUNCTION app_schema.explain_user(p_user_id integer, p_language text DEFAULT 'en')
RETURNS TABLE (
  line integer, score text, status text, kind text, value numeric, feature text, effect double precision, text text
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_language text := coalesce(p_language, 'en');
BEGIN
  IF v_language NOT IN ('en', 'ru') THEN
    RAISE EXCEPTION 'language must be en or ru, not "%"', v_language USING ERRCODE = 'CA002';
  END IF;
  RETURN QUERY
    WITH customer AS (
      SELECT u.*, z.currency, r.evaluation, r.parameters -> 'ltv' AS ltv_parameters, r.parameters #>> '{churn,chosen}' AS churn_chosen,
        r.parameters #>> '{purchase,chosen}' AS purchase_chosen, ((u.as_of - interval '1 microsecond') AT TIME ZONE z.time_zone)::date AS as_of_day,
        CASE v_language WHEN 'ru' THEN concat_ws('. ', g.name_ru, nullif(g.description_ru, '')) ELSE concat_ws('. ', g.name_en, nullif(g.description_en, '')) END
          AS segment,
        CASE u.ltv_status WHEN 'never_bought' THEN 'firstPurchase' ELSE 'purchase' END AS purchase_key
      FROM app_schema.get_user(p_user_id) u
      CROSS JOIN app_schema.settings z
      LEFT JOIN app_schema.segments g ON g.code = u.segment_code
      LEFT JOIN app_schema.user_score_details d ON d.user_id = u.user_id
      LEFT JOIN app_schema.model_runs r ON r.model_run_id = d.model_run_id
    ), scores AS (
      SELECT 1 AS section, 'segment' AS score,
        CASE WHEN c.segment <> '' THEN 'ok' WHEN c.ltv_status = 'never_bought' THEN 'never_bought' ELSE 'not_scored' END AS status,
        NULL::numeric AS value, c.segment AS shown, NULL::numeric AS horizon, NULL::jsonb AS because, NULL::text AS chosen
      FROM customer c
      UNION ALL
      SELECT 2, 'ltv', c.ltv_status, c.ltv, app_schema.format_money(c.ltv, c.currency, v_language),
        (c.ltv_parameters ->> 'horizonDays')::numeric, NULL, NULL
      FROM customer c
      UNION ALL
      -- The column's name says 30 days; what the run says counts more.
      SELECT 3, 'purchase', c.purchase_status, c.purchase_probability_30d::numeric,
        app_schema.format_probability(c.purchase_probability_30d::numeric, v_language),
        coalesce((c.evaluation -> c.purchase_key ->> 'horizonDays')::numeric, 30), c.explanation -> 'purchase_because',
        c.purchase_chosen
      FROM customer c
      UNION ALL
      SELECT 4, 'churn', c.churn_status, c.churn_probability::numeric, app_schema.format_probability(c.churn_probability::numeric, v_language),
        (c.evaluation #>> '{churn,horizonDays}')::numeric, c.explanation -> 'no_churn_because', c.churn_chosen
      FROM customer c
    ), sentences AS (
      SELECT 0 AS section, 0 AS place, 0::bigint AS nth, NULL AS score, 'fact' AS kind, NULL::numeric AS value, NULL AS feature, NULL::double precision AS effect,
        CASE
          WHEN c.as_of_day IS NULL THEN app_schema.describe_absence(c.user_id, v_language)
          WHEN v_language = 'ru' THEN format('По данным на %s, дни отсчитаны от этой даты.', to_char(c.as_of_day, 'DD.MM.YYYY'))
          ELSE format('As of %s; days count back from there.', to_char(c.as_of_day, 'YYYY-MM-DD'))
        END AS text
      FROM customer c
      UNION ALL
      SELECT s.section, 0, 0, s.score, 'summary', s.value, NULL, NULL, app_schema.describe_score(
        s.score, CASE WHEN s.score = 'purchase' AND s.status = 'ok' AND c.ltv_status = 'never_bought' THEN 'first' ELSE s.status END, s.shown,
        coalesce(app_schema.within_days(s.horizon, v_language),
          CASE WHEN s.score = 'churn' THEN CASE v_language WHEN 'ru' THEN 'за срок оттока' ELSE 'within the churn horizon' END END), v_language)
      FROM scores s CROSS JOIN customer c
      UNION ALL
      SELECT 2, 1, p.nth, 'ltv', 'fact', NULL, NULL, NULL, p.words
      FROM customer c
      CROSS JOIN app_schema.describe_purchases(c.explanation, c.as_of_day, c.currency, v_language) WITH ORDINALITY p (words, nth)
      WHERE c.ltv_status <> 'never_bought'
      UNION ALL
      SELECT 2, 2, f.nth, 'ltv', 'fact', NULL, NULL, NULL, f.words
      FROM customer c
      CROSS JOIN app_schema.describe_forecast(c.explanation, c.ltv_parameters, c.currency, v_language) WITH ORDINALITY f (words, nth)
      WHERE c.ltv_status = 'ok'
      UNION ALL
      SELECT 3, 1, 0, 'purchase', 'fact', NULL, NULL, NULL, format(
        CASE v_language WHEN 'ru' THEN 'Ещё ничего не куплено; первая активность %s, последняя %s.' ELSE 'Nothing bought yet; first seen %s, last seen %s.' END,
        app_schema.days_ago((c.explanation ->> 'days_since_first_seen')::numeric, v_language),
        app_schema.days_ago((c.explanation ->> 'days_since_last_seen')::numeric, v_language))
      FROM customer c WHERE c.explanation ?& ARRAY['days_since_first_seen', 'days_since_last_seen']
      UNION ALL
      SELECT s.section, 2, b.nth, s.score, b.kind, b.value, b.feature, b.effect, b.words
      FROM scores s
      CROSS JOIN customer c
      CROSS JOIN app_schema.describe_reasons(s.because, s.score = 'churn', c.currency, v_language)
        WITH ORDINALITY b (kind, feature, value, effect, words, nth)
      WHERE s.status = 'ok'
      UNION ALL
      SELECT s.section, 2, 0, s.score, 'fact', NULL, NULL, NULL, CASE
          WHEN s.because IS NULL THEN app_schema.describe_basis(c.explanation, s.chosen, v_language)
          WHEN v_language = 'ru' THEN 'Ничто не отличает от среднего покупателя настолько, чтобы об этом говорить.'
          ELSE 'Nothing sets this customer apart enough to speak of.'
        END
      FROM scores s CROSS JOIN customer c
      WHERE s.status = 'ok' AND s.section > 2 AND coalesce(s.because, '[]') = '[]'
      UNION ALL
      SELECT s.section, 3, m.nth, s.score, 'missing', (m.missing ->> 'have')::numeric, NULL, NULL, app_schema.describe_missing(m.missing, v_language)
      FROM scores s CROSS JOIN customer c CROSS JOIN jsonb_array_elements(c.explanation -> 'missing' -> s.score) WITH ORDINALITY m (missing, nth)
    )
    SELECT (row_number() OVER (ORDER BY t.section, t.place, t.nth))::integer, t.score, s.status, t.kind, t.value, t.feature, t.effect, t.text
    FROM sentences t LEFT JOIN scores s ON s.score = t.score
    WHERE t.text IS NOT NULL
    ORDER BY 1;
END
$function$;
COMMENT ON FUNCTION app_schema.explain_user(integer, text) IS
  'A customer''s scores and why they are so, in sentences to read from top to bottom (p_language en or ru). kind: summary (value is the score), fact, for and against (what raised and lowered it: feature, the customer''s value of it, effect in log-odds before calibration), missing. No row for an unknown customer';
