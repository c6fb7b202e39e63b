import { describe, expect, it } from 'vitest';
import { renderSettings, serverSettings } from './settings.ts';

describe('serverSettings', () => {
  it('keeps commits durable', () => {
    const settings = serverSettings();
    for (const name of ['fsync', 'synchronous_commit', 'full_page_writes'])
      expect(settings).not.toHaveProperty(name);
  });

  it('lets the caller have the last word', () => {
    expect(serverSettings({ jit: 'on', application_name: 'x' })).toMatchObject({
      jit: 'on',
      application_name: 'x',
    });
  });
});

describe('renderSettings', () => {
  it('quotes values as postgresql.conf wants it', () => {
    expect(renderSettings({ search_path: "it's" })).toContain("search_path = 'it''s'\n");
  });
});
