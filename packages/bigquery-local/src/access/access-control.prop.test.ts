import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createAccessControl } from './access-control.ts';
import type { Principal, Resource } from './decision.ts';
import type { AccessEntry, Binding, PolicyReader } from './policy.ts';
import { KNOWN_PERMISSIONS, PREDEFINED_ROLES } from './roles.ts';

const people: readonly Principal[] = ['ada', 'bob', 'eve'].map((name) => ({
  kind: 'user',
  email: `${name}@example.com`,
}));
const table: Resource = { kind: 'table', projectId: 'shop-data', datasetId: 'sales', tableId: 'orders' };

const role = fc.constantFrom(...PREDEFINED_ROLES.keys());
const member = fc.constantFrom(
  ...people.map(({ email }) => `user:${email}`),
  'domain:example.com',
  'group:g@example.com',
);
const binding: fc.Arbitrary<Binding> = fc.record({ role, members: fc.array(member, { maxLength: 3 }) });
const entry: fc.Arbitrary<AccessEntry> = fc.oneof(
  fc.record({
    role: fc.oneof(role, fc.constantFrom('READER', 'WRITER', 'OWNER')),
    userByEmail: fc.constantFrom(...people.map(({ email }) => email)),
  }),
  fc.record({
    role,
    specialGroup: fc.constantFrom('projectReaders', 'projectWriters', 'projectOwners', 'allAuthenticatedUsers'),
  }),
  fc.record({
    role,
    iamMember: fc.constantFrom(
      'projectEditor:shop-data',
      'projectOwner:elsewhere',
      'deleted:user:ada@example.com?uid=1',
    ),
  }),
);
const world = fc.record({ bindings: fc.array(binding, { maxLength: 4 }), access: fc.array(entry, { maxLength: 4 }) });
type World = { readonly bindings: readonly Binding[]; readonly access: readonly AccessEntry[] };
const question = fc.tuple(fc.constantFrom(...people), fc.constantFrom(...KNOWN_PERMISSIONS));

function allows(given: World, principal: Principal, permission: string): boolean {
  const policy = { bindings: given.bindings };
  const reader: PolicyReader = {
    projectPolicy: (projectId) => (projectId === 'shop-data' ? policy : undefined),
    datasetAccess: () => ({ access: given.access }),
    customRole: () => undefined,
  };
  return createAccessControl(reader).decide(principal, permission, table).allowed;
}

it('a grant never takes anything away', () => {
  fc.assert(
    fc.property(world, world, question, (base, more, [principal, permission]) => {
      const both = { bindings: [...base.bindings, ...more.bindings], access: [...more.access, ...base.access] };
      expect(allows(both, principal, permission) || !allows(base, principal, permission)).toBe(true);
    }),
  );
});

it('who is named nowhere may do nothing', () => {
  const stranger: Principal = { kind: 'user', email: 'mallory@example.org' };
  const everybody = (given: World) => given.access.some(({ specialGroup }) => specialGroup === 'allAuthenticatedUsers');
  fc.assert(
    fc.property(
      world.filter((given) => !everybody(given)),
      fc.constantFrom(...KNOWN_PERMISSIONS),
      (given, permission) => {
        expect(allows(given, stranger, permission)).toBe(false);
      },
    ),
  );
});
