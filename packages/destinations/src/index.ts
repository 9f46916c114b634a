export { createRegistry } from './registry.ts';
export type { RegistryOptions } from './registry.ts';
