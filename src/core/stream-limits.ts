// The limits of the event streams, in each of their forms: WebSocket, lines, Server-Sent Events.
//
// Apart from limits.ts only for its length, and a part of `LIMITS` all the same: nobody imports these by themselves.
//
// Times are in milliseconds, sizes in the unit that the name ends in.

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;

export const STREAM_LIMITS = {
  wsMessageBytesMax: MIB,
  wsControlPayloadBytesMax: 125,
  /** What the fragments of one message may pin, so that 10,000 fragments of one byte cost what they look like. */
  wsFragmentsPinnedBytesMax: 2 * MIB,
  wsPingMs: 20 * SECOND,
  /** How often one shared timer looks for silent and for slow peers. */
  wsTickMs: SECOND,
  /**
   * A peer that lets this many pongs wait is not read from until it has taken half of them; a remote app-server, whose
   * turns go on, gets no more of them until then.
   */
  wsPongsWaitingMax: 1024,
  wsCloseMs: 2 * SECOND,
  /** How long one that was cut off may take to read why: it had stopped reading, and costs `streamGivenBytes`. */
  wsSlowCloseMs: 2 * 60 * SECOND,
  /** A slow reader has this long above the soft bound, none above the hard one. */
  streamSoftBytes: MIB,
  streamSoftMs: 10 * SECOND,
  streamHardBytes: 8 * MIB,
  /** A replay goes on when its reader has no more than this before it. */
  streamDrainedBytes: 256 * KIB,
  /** Of what waits, the socket's: it cannot be taken back, so one that is cut off has to read it before it is told. */
  streamGivenBytes: 256 * KIB,
  /** All readers of one edge together, bytes that several wait for counted once; beyond it the slowest go. */
  streamsHeldBytesMax: 48 * MIB,
  /** Messages that a client may send before it has had its `hello`. */
  wsEarlyMessagesMax: 64,
  /** The characters of all of these. */
  wsEarlyCharsMax: 64 * KIB,
  /** Of one filter: each event is held against each of them, and there are fewer in all. */
  eventTypesMax: 100,
  streamHeartbeatMs: 20 * SECOND,
  /** How soon a reader of Server-Sent Events comes back: a daemon that is started again serves within a second. */
  sseRetryMs: SECOND,
  replayChunkBytes: 256 * KIB,
  /** The newest events stay in memory, once for all readers: who is so little behind is served without reading. */
  recentBatchBytesMax: 4 * MIB,
} as const;
