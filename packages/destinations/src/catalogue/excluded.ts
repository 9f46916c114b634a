// What `@segment/action-destinations` 3.497.0 has and Sluice does not offer, with the reason:
// the list that is offered is the list that works outside Segment's platform.

export type Exclusion = { readonly type: string; readonly name: string; readonly reason: string };

export const exclusions: readonly Exclusion[] = [
  {
    type: 'actions-segment',
    name: 'Segment',
    reason: "sends nothing by itself: it hands rows to Segment's own platform",
  },
  {
    type: 'actions-segment-profiles',
    name: 'Segment Profiles',
    reason: "sends nothing by itself: it hands rows to Segment's own platform",
  },
  { type: 'actions-noop', name: 'NOOP', reason: 'sends nothing: it is a test entry' },
  {
    type: 'actions-personas-messaging-sendgrid',
    name: 'Engage Messaging SendGrid',
    reason: 'works only inside Segment Engage',
  },
  {
    type: 'actions-personas-messaging-twilio',
    name: 'Engage Messaging Twilio',
    reason: 'works only inside Segment Engage',
  },
  {
    type: 'actions-google-sheets-dev',
    name: 'Google Sheets (dev only)',
    reason: 'a test entry of actions-google-sheets',
  },
  {
    type: 'tiktok-conversions-sandbox',
    name: 'Tiktok Conversions Sandbox',
    reason: 'a test entry of tiktok-conversions',
  },
  {
    type: 'actions-tiktok-offline-conversions-sandbox',
    name: 'TikTok Offline Conversions Sandbox',
    reason: 'a test entry of actions-tiktok-offline-conversions',
  },
  { type: 'actions-memora', name: 'Memora', reason: 'internal to Twilio' },
  { type: 'actions-memora-internal', name: 'Memora Internal', reason: 'internal to Twilio' },
  {
    type: 'actions-amazon-eventbridge',
    name: 'Amazon Eventbridge',
    reason: 'uses PutPartnerEvents, which only partners of AWS may call',
  },
  {
    type: 'actions-aws-kinesis',
    name: 'Aws Kinesis',
    reason: "reaches the user's account through a role of Segment's",
  },
  { type: 'actions-s3', name: 'AWS S3 (Actions)', reason: "reaches the user's account through a role of Segment's" },
  { type: 'actions-s3-csv', name: 'AWS S3 CSV', reason: "reaches the user's account through a role of Segment's" },
  {
    type: 'actions-sftp',
    name: 'SFTP',
    reason: 'does not check the server\'s key; "sftp" takes its place',
  },
  {
    type: 'actions-the-trade-desk-crm',
    name: 'The Trade Desk CRM',
    reason: "puts rows and credentials into a bucket of Segment's",
  },
  {
    type: 'actions-liveramp-audiences',
    name: 'Liveramp Audiences',
    reason: "puts rows and credentials into a bucket of Segment's",
  },
  {
    type: 'actions-friendbuy-cloud',
    name: 'Friendbuy (Cloud Destination)',
    reason: 'keeps one token for all accounts, so that rows of one can be sent with the token of another',
  },
  {
    type: 'actions-acoustic-campaign',
    name: 'Acoustic Campaign (Actions)',
    reason: 'keeps one set of credentials for all accounts, so that one can get the tokens of another',
  },
  {
    type: 'actions-responsys',
    name: 'Responsys (Actions)',
    reason: 'sends through an HTTP client of its own that can wait for ever',
  },
  { type: 'actions-braze-cohorts', name: 'Braze Cohorts', reason: 'needs a partner key that Braze gave to Segment' },
  { type: 'actions-apolloio', name: 'Apollo.io', reason: 'needs a header secret that Apollo gave to Segment' },
  {
    type: 'actions-dynamic-yield-audiences',
    name: 'Dynamic Yield by Mastercard Audiences',
    reason: 'needs client secrets that Dynamic Yield gave to Segment',
  },
  {
    type: 'actions-dotdigital-audiences',
    name: 'Dotdigital Audiences',
    reason: 'needs a partner secret that Dotdigital gave to Segment',
  },
  {
    type: 'actions-display-video-360',
    name: 'Display and Video 360 (Actions)',
    reason: "needs OAuth tokens that Google gave to Segment's own client",
  },
  {
    type: 'actions-yahoo-audiences',
    name: 'Yahoo Audiences',
    reason: 'needs a taxonomy client that Yahoo gave to Segment, and a Segment Engage space',
  },
  {
    type: 'actions-google-data-manager',
    name: 'Google Data Manager',
    reason: 'sends nothing: its actions are empty in this version',
  },
  {
    type: 'actions-facebook-conversions-api',
    name: 'Facebook Conversions API (Actions)',
    reason: "needs the system user token of Segment's own Facebook application",
  },
];
