/** All access goes through functions: app_user has no right on the tables. */

export const FIND_API_KEY = 'SELECT * FROM access_control.find_api_key($1)';
export const CREATE_API_KEY = 'SELECT access_control.create_api_key($1, $2, $3, $4, $5, $6) AS id';
export const LIST_API_KEYS = 'SELECT * FROM access_control.list_api_keys()';
export const REVOKE_API_KEY = 'SELECT access_control.revoke_api_key($1) AS found';
export const CREATE_ADMINISTRATOR = 'SELECT access_control.create_administrator($1, $2, $3) AS id';
export const LIST_ADMINISTRATORS = 'SELECT * FROM access_control.list_administrators()';
export const DISABLE_ADMINISTRATOR = 'SELECT access_control.disable_administrator($1) AS found';
export const ENABLE_ADMINISTRATOR = 'SELECT access_control.enable_administrator($1) AS found';
export const CHANGE_PASSWORD = 'SELECT access_control.change_password($1, $2, $3, $4) AS found';
export const BEGIN_LOGIN = 'SELECT * FROM access_control.begin_login($1, $2, $3)';
export const FINISH_LOGIN = 'SELECT access_control.finish_login($1, $2, $3, $4)';
export const FIND_SESSION = 'SELECT * FROM access_control.find_session($1)';
export const END_SESSION = 'SELECT access_control.end_session($1)';
export const ISSUE_SET_UP_TOKEN = 'SELECT access_control.issue_set_up_token($1, $2) AS issued';
export const IS_SET_UP_TOKEN = 'SELECT access_control.is_set_up_token($1) AS good';
export const COMPLETE_SET_UP = 'SELECT access_control.complete_set_up($1, $2, $3) AS id';
export const RECORD_ACTION = 'SELECT access_control.record_action($1, $2, $3, $4, $5) AS id';
export const FINISH_ACTION = 'SELECT access_control.finish_action($1, $2)';
export const LIST_ACTIONS = 'SELECT * FROM access_control.list_actions($1, $2)';
