// The limits of codexd's own clients: the command line, and the library's `createCodexdClient`.
//
// Apart from limits.ts only for its length, and a part of `LIMITS` all the same: nobody imports these by themselves.
//
// Times are in milliseconds, sizes in the unit that the name ends in.

const MIB = 1024 * 1024;
const SECOND = 1000;

export const CLIENT_LIMITS = {
  /** codexd's own clients: to reach the daemon, and to have a plain answer from it. */
  clientConnectMs: 2 * SECOND,
  clientReplyMs: 10 * SECOND,
  clientPollMs: 100,
  clientReplyBytesMax: 64 * MIB,
  /** Of standard input: more than any body that the API takes. */
  clientInputBytesMax: 32 * MIB,
  /** What goes to Codex may first wait for a child that starts, then for a thread to be resumed and a turn to start. */
  clientWorkMs: 150 * SECOND,
  /** An idle connection is given up well before the daemon does so (`keepAliveMs`): no request is to meet its end. */
  clientIdleMs: 2 * SECOND,
  clientIdleConnectionsMax: 8,
  /** Two and a half heartbeats: a stream that says nothing for so long has lost its peer. */
  clientSilenceMs: 50 * SECOND,
  clientReconnect: { firstMs: 100, mostMs: 10 * SECOND, jitter: 0.5 },
  /** A daemon ends within `shutdownMs`; who waits for it waits a little longer. */
  clientShutdownMs: 25 * SECOND,
  /** Below the API's own bound (`idempotencyKeyCharsMax`): `send` makes several keys of one by adding a word to it. */
  clientKeyCharsMax: 200,
  /** Of a command's output at its end, the last ones: who wants it whole finds it in the events. */
  sendOutputLinesMax: 10,
  sendOutputLineCharsMax: 200,
} as const;
