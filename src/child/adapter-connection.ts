// An adapter of an embedding program as the connection to an app-server.
//
// Deliberately no second client: an adapter is a transport (transport-adapter.ts) under the same one, with or without
// a process.

import type { Clock } from "../base/clock.ts";
import type { CodexdConfig } from "../core/config.ts";
import { errorMessage } from "../core/errors.ts";
import type { EventDraft } from "../core/event.ts";
import type { AppServerClientFactory } from "./adapter.ts";
import { CodexAppServerClient } from "./app-server-client.ts";
import type { AppServerConnection, ConnectionHandlers } from "./connection.ts";
import type { ChildHandle } from "./spawner.ts";
import { createAdapterTransport } from "./transport-adapter.ts";

export interface AdapterConnectionOptions {
  readonly factory: AppServerClientFactory;
  readonly config: CodexdConfig;
  readonly clock: Clock;
  report(draft: EventDraft): void;
}

/** `child` is null where there is no process. */
export function connectAdapter(
  { factory, config, clock, report }: AdapterConnectionOptions, child: ChildHandle | null, handlers: ConnectionHandlers,
): AppServerConnection {
  const transport = createAdapterTransport({
    child,
    create: () => factory.create({ child, config }),
    onCloseFailed(error) {
      const reason = errorMessage(error);
      report({ level: "warn", type: "app-server.close.failed", message: reason, detail: { reason } });
    },
  });
  return new CodexAppServerClient({ clientInfo: { version: config.version }, transport, clock, handlers });
}
