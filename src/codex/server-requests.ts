// What the app-server asks of its client, as a table: one row a method, with the answer that says no.
//
// A question that nobody can be asked is declined, never left open: Codex waits for an answer for ever.

/** How a server request is answered. */
export type Refusal =
  | { readonly known: true; readonly kind: RequestKind; readonly result: Record<string, unknown> }
  | { readonly known: false; readonly code: number; readonly message: string };

export type RequestKind = "command" | "file_change" | "permissions" | "user_input" | "mcp_elicitation" | "tool_call";

interface Row {
  readonly kind: RequestKind;
  readonly decline: Record<string, unknown>;
}

const ROWS: ReadonlyMap<string, Row> = new Map<string, Row>([
  ["item/commandExecution/requestApproval", { kind: "command", decline: { decision: "decline" } }],
  ["item/fileChange/requestApproval", { kind: "file_change", decline: { decision: "decline" } }],
  ["item/permissions/requestApproval", { kind: "permissions", decline: { permissions: {}, scope: "turn" } }],
  ["item/tool/requestUserInput", { kind: "user_input", decline: { answers: {} } }],
  ["mcpServer/elicitation/request", {
    kind: "mcp_elicitation",
    decline: { action: "decline", content: null, _meta: null },
  }],
  ["item/tool/call", {
    kind: "tool_call",
    decline: { contentItems: [{ type: "inputText", text: "this client serves no tools" }], success: false },
  }],
]);

/** JSON-RPC's "method not found". */
const METHOD_NOT_FOUND = -32601;

/** The answer to `method` while nobody can be asked. */
export function refuse(method: string): Refusal {
  const row = ROWS.get(method);
  return row === undefined
    ? { known: false, code: METHOD_NOT_FOUND, message: "unsupported" }
    : { known: true, kind: row.kind, result: row.decline };
}
