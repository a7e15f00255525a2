// Every limit of codexd, with its reason. Nothing that a peer can make grow has its bound anywhere else.
//
// Times are in milliseconds, sizes in the unit that the name ends in; a limit of another's is named with its owner.

import { CLIENT_LIMITS } from "./client-limits.ts";
import { RECORD_LIMITS } from "./record-limits.ts";
import { STREAM_LIMITS } from "./stream-limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const SECOND = 1000;

export const LIMITS = {
  /** Codex drops some of a larger burst without an answer (measured: its ingress queue holds 128). */
  childCallsMax: 64,
  /** Of these, calls that clients of codexd make themselves: slow ones must leave room for turns and interrupts. */
  childRawCallsMax: 48,
  /** Calls that wait for a place among the 64; beyond it the answer is 503. */
  childCallsWaitingMax: 1024,
  /** No answer by then is no answer: turn/start answers in milliseconds, a slow disk can take seconds. */
  childCallMs: 60 * SECOND,
  childInitializeMs: 30 * SECOND,
  /** item/completed of many megabytes is normal, 6.25 MB was seen: the first only bounds memory, the second pauses. */
  childLineBytesMax: 64 * MIB,
  childReadBytesAtOnce: 256 * KIB,
  /** A peer that says small things more often than this, and not just a few at once, is read with rests for a while. */
  childReadsPerSecond: 1280,
  childReadsAtOnce: 8,
  childReadSmallBytes: 16 * KIB,
  childReadRestMs: 3,
  childReadRests: 32,
  /** JSON.stringify fails at 4,000 (measured), in the read loop, where it would end the daemon. Codex reads 128. */
  childJsonDepthMax: 256,
  /** Of a line that is too long: enough to see whose answer it is. */
  lineHeadBytes: 256,
  /** What is kept of the child's stderr, to say why it exited early. */
  childStderrLinesKept: 20,
  childStderrLineBytesMax: 4 * KIB,
  childStderrEventsPerSecond: 20,
  childNoiseCharsMax: 200,
  childLogBytesMax: 16 * MIB,
  /** Turns of an adapter that are known to be no new ones; late events belong to the newest of them. */
  adapterTurnsKept: 1024,
  /** Of an answer that an adapter tells in pieces alone. */
  adapterMessageCharsMax: MIB,
  childStopGraceMs: 2 * SECOND,
  /** How long the output of a child that has exited is still read, when a descendant holds its pipe open. */
  childPipeDrainMs: 500,
  childRestart: { firstMs: 250, mostMs: 30 * SECOND, jitter: 0.2 },
  /** A child that lived this long starts its count of failures anew. */
  childHealthyMs: 60 * SECOND,
  /** A child that has died so often within this time is `failed` until a restart is asked for. */
  childDeathsMax: 5,
  childDeathsMs: 60 * SECOND,
  /** How often the resident size of the child is held against `--child-max-rss`: it grows in minutes, not seconds. */
  childSizeCheckMs: 60 * SECOND,
  /** Processes below the child that are looked at; with more the number is that of the first ones. */
  childDescendantsMax: 10_000,
  /** Open files that are looked at for the process that holds a thread. */
  holderFilesMax: 100_000,
  /** Of Codex's home: above it `codexd status` says so. Codex clears nothing away, and years of sessions fit. */
  codexHomeWarnBytes: 10 * GIB,
  /** How long a count of it is told again, and how many files one count looks at. */
  codexHomeMs: 60 * SECOND,
  codexHomeFilesMax: 200_000,
  /** How long `status` waits for the first count, which is small where the home is. */
  codexHomeWaitMs: 250,
  /** How long a call waits for a child that starts or restarts, before 503 `not_ready`. */
  childReadyWaitMs: 10 * SECOND,
  /** Name, TCP and TLS of a remote app-server, and its answer to the upgrade, together. */
  remoteConnectMs: 10 * SECOND,
  /** How long the body of a refused upgrade is waited for, and how much of it is told. */
  remoteRefusalMs: 500,
  remoteRefusalCharsMax: 200,
  /** Codex resets the connection on a larger frame (measured). */
  remoteFrameBytesMax: 16 * MIB,
  /** What waits for a remote app-server that does not read; a call that does not fit fails. */
  remoteSendBytesMax: 64 * MIB,
  bearerFileBytesMax: 4 * KIB,
  /** identity.json, daemon-state.json, token: far above what codexd writes; what is larger is somebody else's. */
  smallFileBytesMax: MIB,
  /** Threads that are resumed at a time when a remote app-server is back. */
  takeUpsMax: 8,
  /** How far back a turn is looked for in the history of its thread. */
  takeUpTurnsMax: 100,
  /** How long until a thread is asked for again that the app-server could not give at once. */
  takeUpRetryMs: SECOND,
  /** How long "already has an active writer" is tried again before 409. */
  threadLockedRetryMs: 2 * SECOND,
  interruptRetryMs: 10,
  /** How long Codex may take to tell the end of a turn that it refuses to steer: some milliseconds were seen. */
  steeredEndMs: SECOND,
  /** Threads whose token total is kept for their next turn; one more costs a guess, not a wrong answer. */
  threadUsagesKept: 1000,
  /** How long Codex may take to end the commands of a thread itself: it answers in milliseconds. */
  cleanTerminalsMs: 2 * SECOND,
  /** Processes that the event of a sweep names; the answer to an interrupt names all of them. */
  leftoversTold: 100,
  /** How long an interrupt may take from asking Codex to the turn's end. */
  interruptMs: 10 * SECOND,
  shutdownMs: 20 * SECOND,

  /** Bytes of events that wait for the disk; above it the child's output is not read. */
  journalPendingBytesMax: 16 * MIB,
  /** Of an event's detail as JSON; a larger one lies whole in a file, and the event names it. */
  eventDetailBytesMax: 4 * MIB,
  journalBatchBytesMax: 4 * MIB,
  journalSegmentBytes: 32 * MIB,
  /** What a receipt is still to be read back from stays until the journal is so many times its size. */
  journalKeptTimes: 2,
  /** Of a journal that is to be small: each close of a segment writes the checkpoints. */
  journalSegmentBytesMin: 64 * KIB,
  /** A line that comes right behind others waits so long for company, or until there is so much of it. */
  journalPaceMs: 1,
  journalPaceBytes: 32 * KIB,
  journalSyncMs: SECOND,
  seqCeilingStep: 1_000_000,
  /** A thousand years of 30,000 events a second: a file that tells of more is damaged, and nobody can count on it. */
  seqMax: 1_000_000_000_000_000,
  checkpointMs: SECOND,
  checkpointBytesPerSecond: 100_000,
  checkpointSliceBytes: 256 * KIB,
  storageRetryMs: SECOND,
  /** So long lines may go to a file that somebody has taken away; what they change is in memory. */
  journalWatchMs: SECOND,
  /** How often records are looked through for those that have been kept long enough. */
  retentionMs: 60 * SECOND,
  /** Records dropped by one line of the journal. */
  retentionBatch: 500,

  /** Answers whose text is kept: 64 of 64 KiB at most, 4 MiB in all. */
  cachedTextsMax: 64,
  cachedTextCharsMax: 64 * KIB,
  bodyBytesMax: MIB,
  inputBodyBytesMax: 16 * MIB,
  /** Of one who has not shown the token, at `/healthz` and `/readyz`: nobody else can make codexd hold anything. */
  untrustedBodyBytesMax: KIB,
  /** A body up to here waits for no room; with all connections they come to 16 MiB. */
  bodyFreeBytes: 64 * KIB,
  /** Larger ones that are being read at once, by what they may become: two of the largest; more of them wait unread. */
  bodiesBytesMax: 64 * MIB,
  /** What is read of a sender in one turn of the loop, and of how many: a few milliseconds' work in all. */
  readPortionBytes: 64 * KIB,
  readPortionsATurn: 4,
  /** Turns of the loop between two large bodies that are parsed: in them a new connection is taken and answered. */
  parseRestTurns: 8,
  /** What a chunk of less counts as there: one of a single byte costs the parser and the loop as much. */
  readChunkBytesMin: KIB,
  /** Of one body: with chunks of a byte each, 64 KiB of a connection are 10,000 calls of the parser's. */
  bodyChunksMax: 65_536,
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
  /** Requests of one connection that wait for their answers: far more than any client sends ahead. */
  requestsPipelinedMax: 256,
  /** A refused sender's bytes are thrown away this long, so that a reset does not take the answer from it. */
  lingerMs: SECOND,
  /** Of a body; above any that was meant to fit, so that a client that writes all of it first can still be told. */
  lingerBytesMax: 32 * MIB,
  /** Of what is no request, or asks for another protocol: nothing much can be behind it. */
  lingerSocketBytesMax: 256 * KIB,
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
  /** Streams that a new token ends may take so long over it: with the poll they have gone within a second. */
  tokenCloseMs: 400,

  /** Without a scrape for so long the event loop is not measured any more: measuring costs 0.4 % of a processor. */
  metricsLoopDelayMs: 5 * 60 * SECOND,

  /** How long a run that was sent SIGINT may take before it is killed: `codex exec` ends within 25 ms. */
  runStopGraceMs: 5 * SECOND,
  /** How long a run that a signal of somebody else's has ended waits for codexd's own: both may be sent in one go. */
  runSameSignalMs: 250,
  /** How long the sweep looks for what has left the run's group, after the kill. */
  runSweepMs: 2 * SECOND,
  /** A longer line of its output is no item: it stays in the output file and counts as one that could not be read. */
  runLineBytesMax: 16 * MIB,
  /** What a record holds of stdout, of stderr and of the printed objects; the output files hold all of it. */
  runTextBytesMax: 64 * KIB,
  /** A run that was told to end and whose executor does not answer by then is ended in the records without it. */
  runGiveUpMs: 12 * SECOND,
  /** Output of a run that waits for the disk; above it no more is read of it. */
  runOutputPendingBytesMax: MIB,
  /** An executor that cannot wait loses what lies above this, and the run's end says how much. */
  runOutputPendingBytesHard: 16 * MIB,
  /** How long the end of a run waits for a disk without room, before the rest of the output counts as lost. */
  runOutputCloseMs: 2 * SECOND,
  /** So much of an output file is read and sent at a time. */
  runOutputPieceBytes: 256 * KIB,
  runConfigsMax: 100,
  runPathsMax: 100,
  runEnvironmentBytesMax: 64 * KIB,
  /** A list of a request that becomes arguments: the kernel takes 128 KiB for one, about 2 MiB for all of them. */
  runArgumentsBytesMax: 64 * KIB,

  /** The embedded agent: words of `long N`, and the time between two, so that one can watch and interrupt it. */
  agentDeltasMax: 10_000,
  agentDeltaMs: 10,
  /** What it remembers: threads (the least used goes first), turns of each, and characters of each text in them. */
  agentThreadsMax: 500,
  agentTurnsKeptMax: 20,
  agentTextKeptCharsMax: 4 * KIB,
  /** Its file is written anew from what it remembers when this much has been appended. */
  agentFileBytesMax: 16 * MIB,
  /** Its one command prints a word in milliseconds. */
  agentCommandMs: 10 * SECOND,
  agentCommandCharsMax: 64 * KIB,
  /** A schema nested deeper is answered with null there; one that refers to itself would have no end. */
  agentSampleDepthMax: 16,
  agentSampleNodesMax: 1000,

  /** How long a decision waits for an app-server that runs elsewhere to be back and to have asked again. */
  approvalAskedAgainMs: 10 * SECOND,
  /** Items that Codex may ask about and that have not ended, diffs included; beyond it the oldest is given up. */
  openItemsKept: 1000,
  /** Threads of sub-agents whose questions are known to belong to a session. */
  subAgentsKept: 1000,
  /** Questions that wait; each stays in memory until its end, and whoever asks more asks nobody. */
  approvalsWaitingMax: 10_000,
  approvalRulesMax: 1000,
  approvalRulesBytesMax: MIB,
  /** A longer command is none that a rule knows; what rules cost stays small. */
  approvalRuleCommandCharsMax: 64 * KIB,
  /** The file system is asked for each path: a change of more of them is left to a person. */
  approvalRulePathsMax: 1000,
  /** Bytes of the journal between two marks of the receipts under way: a start reads twice as much of it at most. */
  receiptMarkBytes: 16 * MIB,
  /** Between two looks at what is quiet: who asks for less asks for a busy loop. */
  stallCheckMs: 100,
  /** Turns that have ended with a command still running, whose late end is still taken into the receipt. */
  lateTurnsKept: 1000,
  /** Of these, such as are too long for a line and are therefore held whole. */
  lateWholeTurnsKept: 16,

  rpcMs: 60 * SECOND,
  rpcMsMax: 10 * 60 * SECOND,
  /** So much of what Codex has said, which can be many megabytes, is encoded and sent at a time. */
  rawAnswerPieceChars: 256 * KIB,
  /** A client that takes none of it for so long has gone: until then the whole text is held for it. */
  rawAnswerStallMs: 5 * 60 * SECOND,
  /** Each of the questions that `GET /v1/codexd/codex` asks: some of them reach for the network. */
  codexAboutMs: 5 * SECOND,
  /** Of the list of models; a page holds what Codex thinks right. */
  codexModelPagesMax: 20,
  /** How long a compaction or a review that Codex has taken may take to begin its turn: some 40 ms were measured. */
  turnBeginMs: 2 * SECOND,

  uploadBytesMax: 16 * MIB,
  /** The same as base64 (four characters for three bytes) in JSON, with room for the fields beside it. */
  uploadJsonBytesMax: 4 * Math.ceil((16 * MIB) / 3) + 4 * KIB,
  /** Of one session. */
  uploadsMax: 100,
  /** Turns that wait in one session: more than anybody writes by hand, and few enough to look through. */
  queuedTurnsMax: 100,
  /** When a queued turn that could not be submitted is tried again, should nothing say sooner that it can be. */
  queuedTurnRetryMs: SECOND,

  recentEventDetailCharsMax: 4 * KIB,
  finalMessageEventCharsMax: 4 * KIB,
  snapshotRecords: 50,
  metadataBytesMax: 16 * KIB,
  /** Codex's own limit on a text input, in characters. */
  inputTextCharsMax: 1_048_576,

  /** Node fires a longer timer at once. */
  timerMsMax: 2_147_483_647,
  ...RECORD_LIMITS,
  ...STREAM_LIMITS,
  ...CLIENT_LIMITS,
} as const;
