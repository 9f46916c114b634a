// Who may call a routine ("Manage routines", "Authorized routines").
import type { Principal, Resource } from '../access/decision.ts';
import type { RoutineRef, RoutineUse } from '../googlesql/statement.ts';
import type { Services } from '../services.ts';

/** "Manage routines": to call a routine needs bigquery.routines.get on it, unless what calls it is authorized. */
export function mayUseRoutine(services: Services, principal: Principal, { ref, via }: RoutineUse): boolean {
  if (services.access.decide(principal, 'bigquery.routines.get', routineResource(ref)).allowed) return true;
  return via !== undefined && services.authorizations.covers(via, ref);
}

export function routineResource(ref: RoutineRef): Extract<Resource, { readonly kind: 'routine' }> {
  return { kind: 'routine', projectId: ref.projectId, datasetId: ref.datasetId, routineId: ref.routineId };
}
