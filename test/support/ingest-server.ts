import { listen } from '../../src/api/listen.ts';
import { createPool } from '../../src/database/pool.ts';
import { openApi } from './api.ts';

/** The API alone in a process, to be killed: node --import tsx ingest-server.ts URL PORT */
const [url, port] = process.argv.slice(2) as [string, string];
const appPool = createPool(url, { applicationName: 'fault-test' });
const api = await openApi(appPool);
process.stdout.write(await listen(api, '127.0.0.1', Number(port), false));
