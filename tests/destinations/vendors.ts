// What the conformance run knows about single destinations: settings and columns that their
// definitions check beyond the fields' schemas, and what the vendor's API answers to good
// requests, as far as the definition reads it. Everything else is made from the definitions.
import type { JsonObject } from '@sluice/core';
import type { CaseName, Vendor } from '@sluice/destination-kit';

export type Particulars = {
  /** The action that goes through all cases. Default: the first that delivers, batches first. */
  readonly action?: string;
  readonly settings?: JsonObject;
  /** Action, or `*`: field → value or directive in the place of the sample; null leaves the field out. */
  readonly fields?: Readonly<Record<string, JsonObject>>;
  readonly audience?: boolean;
  readonly audienceSettings?: JsonObject;
  readonly vendor?: Vendor;
  readonly partial?: Vendor;
  readonly without?: Partial<Readonly<Record<CaseName, string>>>;
};

const answer =
  (body: string | object): Vendor =>
  () => ({ body });

export const particulars: Readonly<Record<string, Particulars>> = {
  'actions-ambee': { fields: { '*': { segmentLibrary: 'analytics.js', platform: null } } },
  'actions-amplitude-cohorts': {
    vendor: answer({ memberships_result: [{ skipped_ids: [] }] }),
    partial: answer({ memberships_result: [{ skipped_ids: ['sample1'] }] }),
  },
  // https://doc.batch.com: partial errors name the place in the bulk.
  'actions-batch': {
    partial: answer({ code: 'SUCCESS_WITH_PARTIAL_ERRORS', errors: [{ bulk_index: 1, reason: 'bad attribute' }] }),
  },
  'actions-braze-cloud': {
    // https://www.braze.com/docs/api/errors: minor errors name the place of the object in the request.
    partial: () => ({
      status: 201,
      body: {
        message: 'success',
        errors: [
          { type: 'bad attribute', input_array: 'attributes', index: 1 },
          { type: 'bad event', input_array: 'events', index: 1 },
        ],
      },
    }),
  },
  'actions-criteo-audiences': {
    vendor: ({ method }) => ({
      body: method === 'GET' || method === 'POST' ? { data: [{ id: '7', attributes: { name: 'sample0' } }] } : {},
    }),
  },
  'actions-insider-audiences': { fields: { '*': { event_type: 'track' } } },
  'actions-iterable-audiences': { fields: { '*': { segmentAudienceId: '77' } } },
  'actions-linkedin-audiences': { fields: { '*': { personas_audience_key: 'members' } } },
  'actions-linkedin-conversions': {
    fields: {
      '*': {
        onMappingSave: { inputs: {}, outputs: { id: '77', name: 'Rule', conversionType: 'LEAD' } },
        conversionHappenedAt: String(Date.now()),
      },
    },
  },
  'actions-marketo-static-lists': { vendor: answer({ success: true, result: [{ id: 1, status: 'added' }] }) },
  // https://learn.microsoft.com/advertising/campaign-management-service/batcherror
  'actions-ms-bing-ads-audiences': {
    partial: answer({ PartialErrors: [{ Index: 1, ErrorCode: 'InvalidEmail', Message: 'no e-mail address' }] }),
  },
  'actions-ms-bing-capi': { partial: answer({ error: { details: [{ index: 1, errorMessage: 'bad event' }] } }) },
  'actions-mixpanel': {
    vendor: answer({ code: 200, status: 'OK', num_records_imported: 3 }),
    // https://developer.mixpanel.com/reference/import-events: 400 with the records that failed.
    partial: () => ({
      status: 400,
      body: { code: 400, failed_records: [{ index: 1, field: 'properties.time', message: 'bad time' }] },
    }),
  },
  'actions-ortto': { settings: { api_key: 'pau-zQ7secretApiKey0123456789' } },
  'actions-ortto-audiences': { settings: { api_key: 'pau-zQ7secretApiKey0123456789' } },
  'actions-pendo-audiences': {
    vendor: ({ body }) => ({
      body: { multistatus: [{ operation: body.includes('"remove"') ? 'remove' : 'add', status: 200 }] },
    }),
  },
  'actions-salesforce': {
    settings: { instanceUrl: 'https://example.my.salesforce.com' },
    vendor: answer({ id: '7505e000000aaaa', success: true }),
  },
  'actions-sendgrid': {
    vendor: ({ method }) =>
      method === 'GET'
        ? {
            body: {
              custom_fields: [
                { id: 'e1_T', name: 'plan' },
                { id: 'e2_T', name: 'team' },
              ],
            },
          }
        : undefined,
  },
  'actions-sendgrid-audiences': {
    vendor: ({ path }) => (path.includes('/search') ? { body: { result: [{ id: 'c1' }] } } : undefined),
    fields: { '*': { custom_number_fields: { seats: 5 }, custom_date_fields: { since: '2026-01-02' } } },
  },
  'actions-slack': { fields: { '*': { url: 'https://hooks.slack.com/services/T0/B0/x' } } },
  'actions-taguchi': {
    vendor: answer([{ code: 200 }, { code: 200 }, { code: 200 }]),
    partial: answer([{ code: 200 }, { code: 400, name: 'Bad', description: 'no' }, { code: 200 }]),
  },
  'actions-twilio-messaging': { fields: { '*': { channel: 'SMS' } } },
  'actions-twilio-studio': { fields: { '*': { eventType: 'identify' } } },
  'actions-voiceops': { fields: { '*': { call_started_at: 1_767_323_045, agentLegs: null } } },
  'actions-webhook-audiences': { audienceSettings: { extras: '{}' } },
  'actions-zapier': { fields: { '*': { zapSubscriptionUrl: 'https://hooks.zapier.com/hooks/catch/1/x' } } },
};

/** Destinations that no HTTP server can stand in for. */
export const untestable: Readonly<Record<string, string>> = {
  'actions-acoustic': 'uploads with the SDK of AWS',
  'actions-kafka': 'speaks the protocol of Kafka',
};
