/** What a key may be made for. `public` keys stand in the source of a storefront's pages, so they open only what anybody may do. */
export const keyScopes = ['public', 'write', 'read', 'admin'] as const;
export type Scope = (typeof keyScopes)[number];

export const roles = ['viewer', 'analyst', 'admin'] as const;
export type Role = (typeof roles)[number];

/** The one table of who may do what: a key of the scope (or an administrator of the role) opens routes of the scopes beside it. */
export const keyCovers: Readonly<Record<Scope, readonly Scope[]>> = {
  public: ['public'],
  write: ['write', 'public'],
  // Not public: a reader does not send events.
  read: ['read'],
  admin: ['admin', 'write', 'read', 'public'],
};
export const roleCovers: Readonly<Record<Role, readonly Scope[]>> = {
  viewer: ['read'],
  analyst: ['read', 'write'],
  admin: ['admin', 'write', 'read', 'public'],
};

/** Who sent a request. */
export interface Principal {
  readonly kind: 'key' | 'administrator';
  /** Of a key. */
  readonly keyId: number | null;
  /** Of a person who logged in. */
  readonly administratorId: number | null;
  /** A key's own scope; of a person the strongest. */
  readonly scope: Scope;
  /** Every scope that is covered. */
  readonly scopes: readonly Scope[];
  /** System whose events come with this key; `null` where the sender says. */
  readonly source: string | null;
  /** Name of the key, or login. */
  readonly name: string;
  /** Of a person. */
  readonly role: Role | null;
}
