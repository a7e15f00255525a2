// The limits of what is kept: records in memory, on their lines and in each checkpoint, and what lies beside them.
//
// A part of limits.ts, which spreads it into `LIMITS`: nobody else reads it here. Times are in milliseconds, sizes in
// the unit that the name ends in.

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;

export const RECORD_LIMITS = {
  /** Prompts and inputs over this lie in a file beside the line. */
  inlineInputBytesMax: 16 * KIB,
  /** A turn's answer, diff and work together; over this they do too, but for what lists show of them. */
  inlineTurnResultBytesMax: 8 * KIB,
  /** An event's sentence for a person: what it tells of others stands whole in the detail. */
  eventMessageCharsMax: 4 * KIB,
  /** Instructions and configuration of a session together; over this they do: 10,000 of them are in memory. */
  inlineProfileBytesMax: 2 * KIB,
  /** The state of a receipt under way, in its mark: there are few of them at a time, and a file costs two syncs. */
  inlineMarkBytesMax: 16 * KIB,
  /** Results over this lie in a file beside the line: 10,000 of them are in memory, and in each checkpoint. */
  inlineResultBytesMax: 1536,
  /** What is kept inline of a prompt and a last message inside such a result: the record has both once already. */
  inlineExcerptBytesMax: KIB,
  /** All that an approval asks; over this it lies in a file too, but for the beginning: 10,000 are in memory. */
  inlineApprovalBytesMax: 8 * KIB,
  /** What it was answered; over this that does too. */
  inlineAnswerBytesMax: 2 * KIB,
  /** What is longer loses its file when it is decided, since years of them stay; the item's event has it whole. */
  overApprovalBytesMax: 256 * KIB,
  /** Of the diffs in one approval together. */
  approvalDiffCharsMax: 64 * KIB,
  /** Of an approval's one line for a person. */
  approvalSummaryCharsMax: 200,
  /** Commands and file changes in one receipt: a turn that runs for days must not grow without bound. */
  receiptItemsMax: 10_000,
  /** Approvals in one receipt, which are in memory; the approvals themselves say which turn has asked. */
  receiptApprovalsMax: 500,
  /** Of one command in a receipt; what is longer is a script, and whole in the event of its item. */
  receiptCommandCharsMax: 16 * KIB,
  /** Of all commands in a receipt: the room of hundreds of long ones; behind that each is cut to what is below. */
  receiptCommandsCharsMax: 4 * MIB,
  /** Enough to know a command by. */
  receiptCommandCharsKept: 256,
  /** Of a receipt's diff, which is in memory and in each checkpoint; what is longer is cut behind a line. */
  receiptDiffCharsMax: MIB,
  /** First answers that are kept by their Idempotency-Key, the newest ones, and for how long. */
  keptAnswersMax: 10_000,
  keptAnswerMs: 24 * 60 * 60 * SECOND,
  idempotencyKeyCharsMax: 255,
  /** A member of a session that is longer is left out of a kept answer, and put back from the session's own record. */
  keptMemberCharsMax: KIB,
  /** Of one kept answer; a longer one lies in a file. */
  keptAnswerBytesMax: 4 * KIB,
  /** Of an id that Codex gives: its own have 36 characters. One that is longer is none. */
  codexIdCharsMax: KIB,
  /** Of the name of a model, a profile, a node: several times the longest that is known. */
  nameCharsMax: 200,
  /** A path that the kernel takes. */
  pathBytesMax: 4 * KIB,
  /** Of a policy as JSON, an object such as `{type: "workspaceWrite", writableRoots: […]}`: room for many roots. */
  policyBytesMax: 8 * KIB,
  /** Of what lies beside the records of one page, or one record: behind that the next page goes on. */
  recordPageBytesMax: 8 * MIB,
} as const;
