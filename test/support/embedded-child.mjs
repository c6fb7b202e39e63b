// A program that owns or attaches to an embedded server, for tests that end it from outside.
// Usage: node embedded-child.mjs '{"start": {…options of startEmbedded}, "write": true}'
// It prints one JSON object a line: notices, ready, committed rows, taken over, failure, stopped.
import pg from 'pg';
import { startEmbedded } from '../../dist/database/embedded/server.js';

const job = JSON.parse(process.argv[2]);
const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const server = await startEmbedded({ ...job.start, onNotice: (notice) => tell({ notice }) }).catch(
  (error) => {
    tell({ failure: { code: error.code, message: error.message, hint: error.hint } });
    process.exit(1);
  },
);

let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    stopping = true;
    await server.stop();
    tell({ stopped: signal });
    process.exit(0);
  });
}
const { port, pid, attached, dataDirectory, socketDirectory } = server;
tell({ ready: { port, pid, attached, dataDirectory, socketDirectory, uid: process.getuid() } });

if (job.write) {
  try {
    await write();
  } catch (error) {
    // The server ends our connection when we stop it.
    if (!stopping) throw error;
  }
}
setInterval(() => {
  if (attached && !server.attached) tell({ takenOver: { pid: server.pid, port: server.port } });
}, 50);

async function write() {
  const client = new pg.Client(server.url('postgres'));
  client.on('error', () => undefined);
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS written (n integer PRIMARY KEY)');
  for (let n = 1; ; n++) {
    await client.query('INSERT INTO written VALUES ($1)', [n]);
    tell({ committed: n });
  }
}
