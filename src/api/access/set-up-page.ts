import type { FastifyPluginAsync } from 'fastify';

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Customer Analyzer</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 24rem; margin: 4rem auto; padding: 0 1rem }
  label { display: block; margin: 1rem 0 }
  input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .4rem }
  button { font: inherit; padding: .4rem 1rem }
</style>
<h1>Customer Analyzer</h1>
<p id="intro"></p>
<form>
  <label><span id="login-label"></span><input name="login" autocomplete="username" required></label>
  <label><span id="password-label"></span><input name="password" type="password" autocomplete="new-password" minlength="12" required></label>
  <button></button>
</form>
<p id="message" role="status"></p>
<script src="/set-up.js"></script>
`;

// The token stands behind #: browsers send that to no server, so that it is in no log.
const script = `const russian = navigator.language.startsWith('ru');
const say = (en, ru) => (russian ? ru : en);
const byId = (id) => document.getElementById(id);
const form = document.querySelector('form');
document.documentElement.lang = russian ? 'ru' : 'en';
byId('intro').textContent = say('Make yourself the administrator. The link works once.', 'Станьте администратором. Ссылка действует один раз.');
byId('login-label').textContent = say('Login', 'Логин');
byId('password-label').textContent = say('Password, 12 characters or more', 'Пароль, не короче 12 символов');
form.querySelector('button').textContent = say('Create', 'Создать');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { login, password } = Object.fromEntries(new FormData(form));
  const response = await fetch('/api/set-up', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token: location.hash.slice(1), login, password }),
  });
  if (response.ok) return location.replace('/docs');
  const { detail, hint } = await response.json();
  byId('message').textContent = [detail, hint].filter(Boolean).join('. ');
});
`;

/** Where the link leads that the first start prints. */
export const setUpPage: FastifyPluginAsync = async (app) => {
  const options = { config: { scope: 'none' as const }, schema: { hide: true } };
  app.get('/set-up', options, (_request, reply) => reply.type('text/html; charset=utf-8').send(page));
  app.get('/set-up.js', options, (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(script),
  );
};
