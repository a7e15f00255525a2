// Every limit of codexd, with its reason. Nothing that a peer can make grow has its bound anywhere else.
//
// Times are in milliseconds, sizes in the unit that the name ends in; a limit of another's is named with its owner.

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;

export const LIMITS = {
  /** Codex drops some of a larger burst without an answer (measured: its ingress queue holds 128). */
  childCallsMax: 64,
  /** Calls that wait for a place among the 64; beyond it the answer is 503. */
  childCallsWaitingMax: 1024,
  /** No answer by then is no answer: turn/start answers in milliseconds, a slow disk can take seconds. */
  childCallMs: 60 * SECOND,
  childInitializeMs: 30 * SECOND,
  /** item/completed of many megabytes is normal, 6.25 MB was seen; this is only there to bound memory. */
  childLineBytesMax: 64 * MIB,
  /** What is kept of the child's stderr, to say why it exited early. */
  childStderrLinesKept: 20,
  childStderrLineBytesMax: 4 * KIB,
  childStderrEventsPerSecond: 20,
  childNoiseCharsMax: 200,
  childLogBytesMax: 16 * MIB,
  childStopGraceMs: 2 * SECOND,
  /** How long the output of a child that has exited is still read, when a descendant holds its pipe open. */
  childPipeDrainMs: 500,
  childRestart: { firstMs: 250, mostMs: 30 * SECOND, jitter: 0.2 },
  /** A child that lived this long starts its count of failures anew. */
  childHealthyMs: 60 * SECOND,
  /** How long a call waits for a child that starts or restarts, before 503 `not_ready`. */
  childReadyWaitMs: 10 * SECOND,
  /** How long "already has an active writer" is tried again before 409. */
  threadLockedRetryMs: 2 * SECOND,
  interruptRetryMs: 10,
  /** How long an interrupt may take from asking Codex to the turn's end. */
  interruptMs: 10 * SECOND,
  shutdownMs: 20 * SECOND,

  /** Bytes of events that wait for the disk; above it the child's output is not read. */
  journalPendingBytesMax: 16 * MIB,
  journalBatchBytesMax: 4 * MIB,
  journalSegmentBytes: 32 * MIB,
  journalSyncMs: SECOND,
  seqCeilingStep: 1_000_000,
  checkpointMs: SECOND,
  checkpointBytesPerSecond: 100_000,
  checkpointSliceBytes: 256 * KIB,
  storageRetryMs: SECOND,

  /** Answers whose text is kept: 64 of 64 KiB at most, 4 MiB in all. */
  cachedTextsMax: 64,
  cachedTextCharsMax: 64 * KIB,
  bodyBytesMax: MIB,
  inputBodyBytesMax: 16 * MIB,
  jsonDepthMax: 64,
  jsonKeysMax: 10_000,
  /** Elements and members of a body together: millions of empty arrays would hold the loop while they are built. */
  jsonElementsMax: 100_000,
  targetBytesMax: 8 * KIB,
  headerFieldsMax: 100,
  headerBytesMax: 16 * KIB,
  headersMs: 5 * SECOND,
  requestMs: 30 * SECOND,
  keepAliveMs: 5 * SECOND,
  /** Node looks for slow connections this often; its default of 30 s makes the two timeouts above useless. */
  connectionsCheckMs: SECOND,
  /** TCP and the Unix socket are counted apart, so that a flood on one leaves the other usable. */
  connectionsMax: 256,
  /** A refused sender's bytes are thrown away this long, so that a reset does not take the answer from it. */
  lingerMs: SECOND,
  /** Requests in flight have this long to end when the edge stops. */
  edgeStopMs: 2 * SECOND,
  /** Node's own fetch gives up at 300 s. */
  waitMsMax: 240_000,
  pageDefault: 100,
  pageMax: 1000,
  eventPageBytesMax: 8 * MIB,
  eventPageScanBytesMax: 16 * MIB,
  socketPathBytesMax: 103,
  tokenPollMs: 500,

  wsMessageBytesMax: MIB,
  wsControlPayloadBytesMax: 125,
  /** What the fragments of one message may pin, so that 10,000 fragments of one byte cost what they look like. */
  wsFragmentsPinnedBytesMax: 2 * MIB,
  wsPingMs: 20 * SECOND,
  /** How often one shared timer looks for silent and for slow peers. */
  wsTickMs: SECOND,
  /** A peer that lets this many pongs wait is not read from until it has taken half of them. */
  wsPongsWaitingMax: 1024,
  wsCloseMs: 2 * SECOND,
  /** A slow reader has this long above the soft bound, none above the hard one. */
  streamSoftBytes: MIB,
  streamSoftMs: 10 * SECOND,
  streamHardBytes: 8 * MIB,
  /** A replay goes on when its reader has no more than this before it. */
  streamDrainedBytes: 256 * KIB,
  /** Messages that a client may send before it has had its `hello`. */
  wsEarlyMessagesMax: 64,
  streamHeartbeatMs: 20 * SECOND,
  replayChunkBytes: 256 * KIB,

  recentEventDetailCharsMax: 4 * KIB,
  finalMessageEventCharsMax: 4 * KIB,
  snapshotRecords: 50,
  metadataBytesMax: 16 * KIB,
  /** Codex's own limit on a text input, in characters. */
  inputTextCharsMax: 1_048_576,

  /** Node fires a longer timer at once. */
  timerMsMax: 2_147_483_647,
  /** codexd's own clients: to reach the daemon, and to have a plain answer from it. */
  clientConnectMs: 2 * SECOND,
  clientReplyMs: 10 * SECOND,
  clientPollMs: 100,
  clientReplyBytesMax: 64 * MIB,
  /** A daemon ends within `shutdownMs`; who waits for it waits a little longer. */
  clientShutdownMs: 25 * SECOND,
} as const;
