#!/usr/bin/env node
import { existsSync } from 'node:fs';

const entry = new URL('../dist/cli/main.js', import.meta.url);
if (!existsSync(entry)) {
  // npm install builds it by the prepare script, which some machines forbid (ignore-scripts).
  process.stderr.write('NOT_BUILT: dist/ is missing. Run: npm run build\n');
  process.exit(1);
}
await import(entry.href);
