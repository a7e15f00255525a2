// What a supervisor and the services need of an app-server, whatever carries it: a child's pipes, a WebSocket, or an
// adapter of a program that embeds codexd.

import type { InitializeOutcome } from "./app-server-client.ts";
import type { CallOptions, RpcHandlers } from "./rpc-client.ts";

export type ConnectionHandlers = Pick<RpcHandlers, "onNotification" | "onRequest" | "onNoise" | "onClose">
  & Partial<Pick<RpcHandlers, "onLine" | "onRefused">>;

/** @see CodexAppServerClient, which is one, for what each member does and throws. */
export interface AppServerConnection {
  initialize(): Promise<InitializeOutcome>;
  call(method: string, params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  threadStart(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  threadResume(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  turnStart(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  turnSteer(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  turnInterrupt(params: Record<string, unknown>, options?: CallOptions): Promise<unknown>;
  answer(id: number | string, result: unknown): void;
  refuse(id: number | string, code: number, message: string): void;
  pause(): void;
  resume(): void;
  close(): void;
  abort(): void;
  readonly underWay: number;
}
