// Generated from the OpenAPI document: UPDATE_CLIENT=1 npx vitest run test/client.test.ts

export interface Operations {
  /** The process is alive */
  'GET /healthz': {
    answer: {
      status: 'ok';
    };
  };
  /** The database answers and has all migrations; whether a worker runs */
  'GET /readyz': {
    answer: {
      status: 'ok';
      worker: 'ok' | 'missing';
      worker_age_seconds: number | null;
    };
  };
  /** What the code of a problem means and what to do */
  'GET /errors/{code}': {
    params: {
      code: string;
    };
    query: {
      language?: 'en' | 'ru';
    };
    answer: {
      code: string;
      status: number;
      title: string;
      meaning: string;
    };
  };
  /** Who the credentials belong to and what they open */
  'GET /api/session': {
    answer: {
      kind: 'key' | 'administrator';
      name: string;
      role: 'viewer' | 'analyst' | 'admin' | null;
      scopes: Array<'public' | 'write' | 'read' | 'admin'>;
      csrf_token: string | null;
    };
  };
  /** Log in: sets the session cookie */
  'POST /api/session': {
    body: {
      login: string;
      password: string;
    };
    answer: {
      kind: 'key' | 'administrator';
      name: string;
      role: 'viewer' | 'analyst' | 'admin' | null;
      scopes: Array<'public' | 'write' | 'read' | 'admin'>;
      csrf_token: string | null;
    };
  };
  /** Log out */
  'DELETE /api/session': {
    answer: undefined;
  };
  /** Make the first administrator with the one-time link that the first start prints, and log in */
  'POST /api/set-up': {
    body: {
      token: string;
      login: string;
      password: string;
    };
    answer: {
      kind: 'key' | 'administrator';
      name: string;
      role: 'viewer' | 'analyst' | 'admin' | null;
      scopes: Array<'public' | 'write' | 'read' | 'admin'>;
      csrf_token: string | null;
    };
  };
  /** Change the password of whoever is logged in; all their other sessions end */
  'PUT /api/session/password': {
    body: {
      password: string;
      new_password: string;
    };
    answer: undefined;
  };
  /** All keys, also revoked ones; no key itself */
  'GET /api/keys': {
    answer: {
      items: Array<{
        key_id: number;
        prefix: string;
        scope: 'public' | 'write' | 'read' | 'admin';
        name: string;
        source: string | null;
        created_at: string;
        expires_at: string | null;
        revoked_at: string | null;
        last_used_at: string | null;
      }>;
    };
  };
  /** Make a key: the answer is the only place where it is ever shown */
  'POST /api/keys': {
    body: {
      scope: 'public' | 'write' | 'read' | 'admin';
      name?: string;
      source?: string;
      expires_at?: string;
    };
    answer: {
      id: number;
      key: string;
    };
  };
  /** Revoke a key, at once */
  'DELETE /api/keys/{id}': {
    params: {
      id: number;
    };
    answer: undefined;
  };
  /** Who can log in */
  'GET /api/admins': {
    answer: {
      items: Array<{
        administrator_id: number;
        login: string;
        role: 'viewer' | 'analyst' | 'admin';
        created_at: string;
        disabled_at: string | null;
        last_login_at: string | null;
      }>;
    };
  };
  /** A new administrator */
  'POST /api/admins': {
    body: {
      login: string;
      role: 'viewer' | 'analyst' | 'admin';
      password: string;
    };
    answer: {
      id: number;
    };
  };
  /** Disable an administrator and end the sessions, at once */
  'DELETE /api/admins/{id}': {
    params: {
      id: number;
    };
    answer: undefined;
  };
  /** Let a disabled administrator log in again, with the password of before */
  'POST /api/admins/{id}/enable': {
    params: {
      id: number;
    };
    answer: undefined;
  };
  /** What administrators and admin keys did, newest first */
  'GET /api/audit': {
    query: {
      limit?: number;
      before?: number;
    };
    answer: {
      items: Array<{
        action_id: number;
        started_at: string;
        administrator_id: number | null;
        login: string | null;
        key_id: number | null;
        action: string;
        target: string | null;
        outcome: string | null;
      }>;
    };
  };
  /** A page of customers with their scores: searched, filtered, sorted; missing values come last */
  'GET /api/users': {
    query: {
      search?: string;
      segment?: string;
      min_ltv?: number;
      max_ltv?: number;
      min_churn_probability?: number;
      max_churn_probability?: number;
      min_purchase_probability_30d?: number;
      max_purchase_probability_30d?: number;
      active_since?: string;
      inactive_since?: string;
      profile?: string;
      sort?:
        | 'user_id'
        | 'registration_date'
        | 'ltv'
        | 'churn_probability'
        | 'purchase_probability_30d'
        | 'last_updated';
      order?: 'asc' | 'desc';
      limit?: number;
      cursor?: string;
    };
    answer: {
      items: Array<{
        user_id: number;
        telegram_id: number;
        username: string | null;
        first_name: string | null;
        last_name: string | null;
        registration_date: string | null;
        segment_code: string | null;
        segment_name_en: string | null;
        segment_name_ru: string | null;
        ltv: number | null;
        churn_probability: number | null;
        purchase_probability_30d: number | null;
        last_updated: string | null;
      }>;
      next_cursor: string | null;
    };
  };
  /** One customer: profile, activity, scores and the numbers behind them */
  'GET /api/users/{id}': {
    params: {
      id: number;
    };
    answer: {
      user_id: number;
      telegram_id: number;
      username: string | null;
      first_name: string | null;
      last_name: string | null;
      registration_date: string | null;
      segment_code: string | null;
      segment_name_en: string | null;
      segment_name_ru: string | null;
      ltv: number | null;
      churn_probability: number | null;
      purchase_probability_30d: number | null;
      last_updated: string | null;
      profile_data: Record<string, unknown> | null;
      ltv_status: 'ok' | 'insufficient_data' | 'never_bought' | 'not_scored';
      churn_status: 'ok' | 'insufficient_data' | 'never_bought' | 'not_scored';
      purchase_status: 'ok' | 'insufficient_data' | 'never_bought' | 'not_scored';
      explanation: Record<string, unknown> | null;
      as_of: string | null;
      stats: {
        user_id: number;
        total_events: number;
        views: number;
        cart_additions: number;
        purchases: number;
        items_purchased: number;
        revenue: number;
        average_order_value: number | null;
        first_activity: string | null;
        last_activity: string | null;
        days_since_last_activity: number | null;
      };
    };
  };
  /** What one customer did, newest first */
  'GET /api/users/{id}/events': {
    params: {
      id: number;
    };
    query: {
      limit?: number;
      cursor?: string;
    };
    answer: {
      items: Array<{
        event_id: number;
        event_type: string;
        event_timestamp: string;
        product_id: number | null;
        product_name: string | null;
        revenue: number | null;
        properties: unknown;
      }>;
      next_cursor: string | null;
    };
  };
  /** Why one customer's scores are so, in sentences to read from top to bottom */
  'GET /api/users/{id}/explanation': {
    params: {
      id: number;
    };
    query: {
      language?: 'en' | 'ru';
    };
    answer: {
      items: Array<{
        line: number;
        score: 'segment' | 'ltv' | 'purchase' | 'churn' | null;
        status: 'ok' | 'insufficient_data' | 'never_bought' | 'not_scored' | null;
        kind: 'summary' | 'fact' | 'for' | 'against' | 'missing';
        value: number | null;
        feature: string | null;
        effect: number | null;
        text: string;
      }>;
    };
  };
  /** Products by revenue within a period; without one, the 30 days up to the latest event */
  'GET /api/products/top': {
    query: {
      start?: string;
      end?: string;
      limit?: number;
    };
    answer: {
      start: string | null;
      end: string | null;
      items: Array<{
        product_id: number;
        name: string;
        category: string | null;
        views: number;
        cart_additions: number;
        purchases: number;
        buyers: number;
        revenue: number;
        conversion: number | null;
      }>;
    };
  };
  /** Segments with size and mean scores */
  'GET /api/segments': {
    answer: {
      items: Array<{
        segment_id: number;
        code: string;
        name_en: string;
        name_ru: string;
        description_en: string;
        description_ru: string;
        customers: number;
        share: number | null;
        mean_ltv: number | null;
        mean_churn_probability: number | null;
        mean_purchase_probability_30d: number | null;
      }>;
    };
  };
  /** A page of the catalogue */
  'GET /api/products': {
    query: {
      search?: string;
      category?: string;
      limit?: number;
      cursor?: string;
    };
    answer: {
      items: Array<{
        product_id: number;
        name: string;
        category: string | null;
        price: number | null;
        description: string | null;
        attributes: Record<string, unknown> | null;
        stock: number | null;
        is_merchandise: boolean;
        is_hidden: boolean;
      }>;
      next_cursor: string | null;
    };
  };
  /** Add or change products in bulk: what an item leaves out stays, attributes are merged */
  'PUT /api/products': {
    body: {
      source?: string;
      items: Array<{
        product_id: string;
        name?: string;
        category?: string;
        price?: number;
        description?: string;
        stock?: number;
        is_merchandise?: boolean;
        attributes?: Record<string, unknown>;
      }>;
    };
    answer: {
      accepted: number;
      unchanged: number;
      rejected: Array<{
        index: number;
        code: string;
        reason: string;
      }>;
    };
  };
  /** The shop in figures; without a period, of the 30 days up to the latest event */
  'GET /api/overview': {
    query: {
      start?: string;
      end?: string;
    };
    answer: {
      start: string | null;
      end: string | null;
      time_zone: string;
      currency: string;
      totals: {
        customers: number;
        new_customers: number;
        active_customers: number;
        buyers: number;
        orders: number;
        revenue: number;
        scored_customers: number;
        mean_ltv: number | null;
        mean_churn_probability: number | null;
        mean_purchase_probability_30d: number | null;
      } | null;
      segments: Array<{
        code: string;
        customers: number;
        share: number | null;
      }>;
    };
  };
  /** Net revenue, orders, buyers and active customers by day, week or month */
  'GET /api/revenue': {
    query: {
      start?: string;
      end?: string;
      unit?: 'day' | 'week' | 'month';
    };
    answer: {
      start: string | null;
      end: string | null;
      unit: 'day' | 'week' | 'month';
      items: Array<{
        start_date: string;
        end_date: string;
        revenue: number;
        orders: number;
        buyers: number;
        active_customers: number;
      }>;
    };
  };
  /** Trainings and scorings, newest first */
  'GET /api/models': {
    query: {
      kind?: string;
      limit?: number;
    };
    answer: {
      items: Array<{
        model_run_id: number;
        kind: string;
        algorithm: string | null;
        status: string;
        as_of: string;
        finished_at: string;
        data_from: string | null;
        customers: number | null;
        duration_seconds: number | null;
        code_version: string;
      }>;
    };
  };
  /** What scorings said whose time has come, and what came */
  'GET /api/models/outcomes': {
    answer: {
      items: Array<{
        model_run_id: number;
        as_of: string;
        question: string;
        horizon_days: number;
        customers: number;
        said: number;
        came: number;
        standard_error: number;
      }>;
    };
  };
  /** One run with its parameters and its evaluation beside the naive baseline */
  'GET /api/models/{id}': {
    params: {
      id: number;
    };
    answer: {
      model_run_id: number;
      kind: string;
      algorithm: string | null;
      status: string;
      as_of: string;
      finished_at: string;
      data_from: string | null;
      customers: number | null;
      duration_seconds: number | null;
      code_version: string;
      parameters: Record<string, unknown>;
      evaluation: Record<string, unknown>;
    };
  };
  /** All customers that fit, as one stream, as of one moment */
  'GET /api/export/users': {
    query: {
      search?: string;
      segment?: string;
      min_ltv?: number;
      max_ltv?: number;
      min_churn_probability?: number;
      max_churn_probability?: number;
      min_purchase_probability_30d?: number;
      max_purchase_probability_30d?: number;
      active_since?: string;
      inactive_since?: string;
      profile?: string;
      format?: 'csv' | 'ndjson';
    };
    answer: string;
  };
  /** Background jobs: schedules, what waits, how the last run ended */
  'GET /api/jobs': {
    answer: {
      items: Array<{
        job: string;
        description: string;
        cron: string;
        time_zone: string | null;
        missed: 'run_once' | 'skip';
        enabled: boolean;
        next_run_at: string | null;
        waiting: number;
        active: number;
        last_run: {
          run_id: number;
          job: string;
          attempt: number;
          cause: 'schedule' | 'catch_up' | 'request';
          due_at: string | null;
          state: 'running' | 'succeeded' | 'failed' | 'skipped' | 'interrupted' | 'handed_back';
          started_at: string;
          finished_at: string | null;
          duration_seconds: number;
          worker: string | null;
          progress: {
            label: string;
            done: number;
            total: number;
          } | null;
          error_code: string | null;
          message: string | null;
          result?: unknown;
        } | null;
      }>;
      worker_age_seconds: number | null;
    };
  };
  /** History of a job, newest first */
  'GET /api/jobs/{job}/runs': {
    params: {
      job: string;
    };
    query: {
      limit?: number;
      before?: number;
    };
    answer: {
      items: Array<{
        run_id: number;
        job: string;
        attempt: number;
        cause: 'schedule' | 'catch_up' | 'request';
        due_at: string | null;
        state: 'running' | 'succeeded' | 'failed' | 'skipped' | 'interrupted' | 'handed_back';
        started_at: string;
        finished_at: string | null;
        duration_seconds: number;
        worker: string | null;
        progress: {
          label: string;
          done: number;
          total: number;
        } | null;
        error_code: string | null;
        message: string | null;
        result?: unknown;
      }>;
    };
  };
  /** Ask for a run as soon as a worker is free */
  'POST /api/jobs/{job}/runs': {
    params: {
      job: string;
    };
    answer: {
      id: string;
      job: string;
    };
  };
  /** Jobs that failed for the last time */
  'GET /api/dead-letters': {
    answer: {
      items: Array<{
        id: string;
        job: string;
        error_code: string | null;
        message: string | null;
        died_at: string;
      }>;
    };
  };
  /** Say when a job runs by itself; what is left out stays as it is */
  'PUT /api/jobs/{job}/schedule': {
    params: {
      job: string;
    };
    body: {
      cron?: string;
      time_zone?: string;
      missed?: 'run_once' | 'skip';
      enabled?: boolean;
    };
    answer: {
      job: string;
      next_run_at: string;
    };
  };
  /** Try a job again that failed for the last time */
  'POST /api/dead-letters/{id}/revival': {
    params: {
      id: string;
    };
    answer: {
      job: string;
    };
  };
  /** Products for one customer, each with score and reason, fresh to the last committed event */
  'GET /api/users/{id}/recommendations': {
    params: {
      id: number;
    };
    query: {
      limit?: number;
      track?: boolean;
      language?: 'en' | 'ru';
      category?: string;
      min_price?: number;
      max_price?: number;
      in_stock?: boolean;
      diversity?: number;
      max_per_category?: number;
      buy_again?: boolean;
    };
    answer: {
      items: Array<{
        rank: number;
        product_id: number;
        name: string;
        category: string | null;
        price: number | null;
        score: number;
        reason_code: string;
        reason: string;
        reason_product_id: number | null;
        reason_weight: number | null;
        model_run_id: number;
      }>;
      recommendation_id?: string;
    };
  };
  /** Products for a visitor without an account, from what was looked at (the latest last) */
  'GET /api/session/recommendations': {
    query: {
      limit?: number;
      track?: boolean;
      language?: 'en' | 'ru';
      category?: string;
      min_price?: number;
      max_price?: number;
      in_stock?: boolean;
      diversity?: number;
      max_per_category?: number;
      products?: string;
    };
    answer: {
      items: Array<{
        rank: number;
        product_id: number;
        name: string;
        category: string | null;
        price: number | null;
        score: number;
        reason_code: string;
        reason: string;
        reason_product_id: number | null;
        reason_weight: number | null;
        model_run_id: number;
      }>;
      recommendation_id?: string;
    };
  };
  /** What is like one product */
  'GET /api/products/{id}/similar': {
    params: {
      id: number;
    };
    query: {
      limit?: number;
      track?: boolean;
      language?: 'en' | 'ru';
      category?: string;
      min_price?: number;
      max_price?: number;
      in_stock?: boolean;
      diversity?: number;
      max_per_category?: number;
    };
    answer: {
      items: Array<{
        rank: number;
        product_id: number;
        name: string;
        category: string | null;
        price: number | null;
        score: number;
        reason_code: string;
        reason: string;
        reason_product_id: number | null;
        reason_weight: number | null;
        model_run_id: number;
      }>;
      recommendation_id?: string;
    };
  };
  /** What customers take beside all of a basket */
  'GET /api/products/bought-together': {
    query: {
      limit?: number;
      track?: boolean;
      language?: 'en' | 'ru';
      category?: string;
      min_price?: number;
      max_price?: number;
      in_stock?: boolean;
      diversity?: number;
      max_per_category?: number;
      products: string;
    };
    answer: {
      items: Array<{
        rank: number;
        product_id: number;
        name: string;
        category: string | null;
        price: number | null;
        score: number;
        reason_code: string;
        reason: string;
        reason_product_id: number | null;
        reason_weight: number | null;
        model_run_id: number;
      }>;
      recommendation_id?: string;
    };
  };
  /** The most wanted products of the shop or a category */
  'GET /api/products/popular': {
    query: {
      limit?: number;
      track?: boolean;
      language?: 'en' | 'ru';
      category?: string;
      min_price?: number;
      max_price?: number;
      in_stock?: boolean;
      diversity?: number;
      max_per_category?: number;
      window?: 'recent' | 'week' | 'month' | 'quarter' | 'year';
    };
    answer: {
      items: Array<{
        rank: number;
        product_id: number;
        name: string;
        category: string | null;
        price: number | null;
        score: number;
        reason_code: string;
        reason: string;
        reason_product_id: number | null;
        reason_weight: number | null;
        model_run_id: number;
      }>;
      recommendation_id?: string;
    };
  };
  /** One track message in Segment's form */
  'POST /v1/track': {
    body: {
      userId?: string;
      anonymousId?: string;
      event: string;
      properties?: Record<string, never>;
      messageId?: string;
      timestamp?: string;
      sentAt?: string;
      context?: Record<string, never>;
    };
    answer: {
      success: boolean;
      accepted: number;
      duplicates: number;
      rejected: number;
      items: Array<{
        index: number;
        message_id: string | null;
        status: 'accepted' | 'duplicate' | 'rejected';
        events?: number;
        flags?: Array<string>;
        code?: string;
        reason?: string;
      }>;
    };
  };
  /** One identify message in Segment's form */
  'POST /v1/identify': {
    body: {
      userId?: string;
      anonymousId?: string;
      traits?: Record<string, never>;
      messageId?: string;
      timestamp?: string;
      sentAt?: string;
      context?: Record<string, never>;
    };
    answer: {
      success: boolean;
      accepted: number;
      duplicates: number;
      rejected: number;
      items: Array<{
        index: number;
        message_id: string | null;
        status: 'accepted' | 'duplicate' | 'rejected';
        events?: number;
        flags?: Array<string>;
        code?: string;
        reason?: string;
      }>;
    };
  };
  /** One alias message in Segment's form */
  'POST /v1/alias': {
    body: {
      userId: string;
      previousId: string;
      messageId?: string;
      timestamp?: string;
      sentAt?: string;
      context?: Record<string, never>;
    };
    answer: {
      success: boolean;
      accepted: number;
      duplicates: number;
      rejected: number;
      items: Array<{
        index: number;
        message_id: string | null;
        status: 'accepted' | 'duplicate' | 'rejected';
        events?: number;
        flags?: Array<string>;
        code?: string;
        reason?: string;
      }>;
    };
  };
  /** One page message in Segment's form */
  'POST /v1/page': {
    body: {
      userId?: string;
      anonymousId?: string;
      name?: string;
      properties?: Record<string, never>;
      messageId?: string;
      timestamp?: string;
      sentAt?: string;
      context?: Record<string, never>;
    };
    answer: {
      success: boolean;
      accepted: number;
      duplicates: number;
      rejected: number;
      items: Array<{
        index: number;
        message_id: string | null;
        status: 'accepted' | 'duplicate' | 'rejected';
        events?: number;
        flags?: Array<string>;
        code?: string;
        reason?: string;
      }>;
    };
  };
  /** One screen message in Segment's form */
  'POST /v1/screen': {
    body: {
      userId?: string;
      anonymousId?: string;
      name?: string;
      properties?: Record<string, never>;
      messageId?: string;
      timestamp?: string;
      sentAt?: string;
      context?: Record<string, never>;
    };
    answer: {
      success: boolean;
      accepted: number;
      duplicates: number;
      rejected: number;
      items: Array<{
        index: number;
        message_id: string | null;
        status: 'accepted' | 'duplicate' | 'rejected';
        events?: number;
        flags?: Array<string>;
        code?: string;
        reason?: string;
      }>;
    };
  };
  /** One group message in Segment's form */
  'POST /v1/group': {
    body: {
      userId?: string;
      anonymousId?: string;
      groupId: string;
      traits?: Record<string, never>;
      messageId?: string;
      timestamp?: string;
      sentAt?: string;
      context?: Record<string, never>;
    };
    answer: {
      success: boolean;
      accepted: number;
      duplicates: number;
      rejected: number;
      items: Array<{
        index: number;
        message_id: string | null;
        status: 'accepted' | 'duplicate' | 'rejected';
        events?: number;
        flags?: Array<string>;
        code?: string;
        reason?: string;
      }>;
    };
  };
  /** Messages in Segment's form */
  'POST /v1/batch': {
    body: {
      batch: Array<{
        type: 'track' | 'identify' | 'alias' | 'page' | 'screen' | 'group';
        userId?: string;
        anonymousId?: string;
        event?: string;
        properties?: Record<string, never>;
        messageId?: string;
        timestamp?: string;
        sentAt?: string;
        context?: Record<string, never>;
      }>;
      sentAt?: string;
      context?: Record<string, never>;
    };
    answer: {
      success: boolean;
      accepted: number;
      duplicates: number;
      rejected: number;
      items: Array<{
        index: number;
        message_id: string | null;
        status: 'accepted' | 'duplicate' | 'rejected';
        events?: number;
        flags?: Array<string>;
        code?: string;
        reason?: string;
      }>;
    };
  };
  /** Events in our own form: one, a list, or NDJSON of any length (application/x-ndjson) */
  'POST /api/events': {
    body:
      | {
          event_id?: string;
          event_type: string;
          event_timestamp?: string;
          user_id?: number;
          external_user_id?: string;
          anonymous_id?: string;
          product_id?: number;
          external_product_id?: string;
          product_name?: string;
          product_category?: string;
          properties?: Record<string, never>;
        }
      | Array<{
          event_id?: string;
          event_type: string;
          event_timestamp?: string;
          user_id?: number;
          external_user_id?: string;
          anonymous_id?: string;
          product_id?: number;
          external_product_id?: string;
          product_name?: string;
          product_category?: string;
          properties?: Record<string, never>;
        }>;
    answer: {
      success: boolean;
      accepted: number;
      duplicates: number;
      rejected: number;
      items: Array<{
        index: number;
        message_id: string | null;
        status: 'accepted' | 'duplicate' | 'rejected';
        events?: number;
        flags?: Array<string>;
        code?: string;
        reason?: string;
      }>;
    };
  };
  /** Messages that were refused, in the order of arrival */
  'GET /api/rejects': {
    query: {
      limit?: number;
      after?: number;
      code?: string;
    };
    answer: {
      items: Array<{
        reject_id: number;
        source: string;
        kind: string;
        code: string;
        reason: string;
        received_at: string;
        attempts: number;
        body: string;
        is_whole: boolean;
      }>;
      next_after: number | null;
    };
  };
  /** One message that was refused, with its reason and contents */
  'GET /api/rejects/{id}': {
    params: {
      id: number;
    };
    answer: {
      reject_id: number;
      source: string;
      kind: string;
      code: string;
      reason: string;
      received_at: string;
      attempts: number;
      body: string;
      is_whole: boolean;
    };
  };
  /** Take refused messages in again: one, those with a code, or all */
  'POST /api/rejects/replay': {
    body: {
      id?: number;
      code?: string;
    };
    answer: {
      replayed: number;
      accepted: number;
      duplicates: number;
      rejected: number;
    };
  };
}
