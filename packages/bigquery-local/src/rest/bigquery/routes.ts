import type { JobService } from '../../jobs/job-service.ts';
import type { Services } from '../../services.ts';
import type { Route } from '../route.ts';
import { datasetRoutes } from './datasets.ts';
import { tablePolicyRoutes } from './iam-policies.ts';
import { jobRoutes } from './jobs.ts';
import { modelRoutes } from './models.ts';
import { projectRoutes } from './projects.ts';
import { routineRoutes } from './routines.ts';
import { rowAccessPolicyRoutes } from './row-access-policies.ts';
import { tabledataRoutes } from './tabledata.ts';
import { tableRoutes } from './tables.ts';

/** Every method of the BigQuery REST API v2 that this server has. */
export function bigqueryRoutes(services: Services, jobs: JobService): Route[] {
  return [
    ...projectRoutes(services),
    ...datasetRoutes(services),
    ...tableRoutes(services),
    ...tablePolicyRoutes(services),
    ...routineRoutes(services),
    ...modelRoutes(services),
    ...rowAccessPolicyRoutes(services),
    ...tabledataRoutes(services),
    ...jobRoutes(services, jobs),
  ];
}
