// The WebSocket framer alone, for programs that want RFC 6455 on a socket of their own and nothing of the daemon.
//
// Sans-I/O: bytes in, calls and bytes out, for both roles. `index.ts` exports the same; importing this instead reads
// a thirtieth of it. Invariant: importing it does nothing.

export { isCloseCode, WS_CLOSE } from "./protocol/ws-close.ts";
export {
  createUpgradeReader, judgeUpgradeResponse, upgradeRequest, type UpgradeAnswer, type UpgradeReader,
  type UpgradeRequestOptions,
} from "./protocol/ws-client-handshake.ts";
export {
  encodeCloseFrame, encodeFrame, encodeTextFrame, OPCODE, type EncodeOptions, type Opcode, type WsRole,
} from "./protocol/ws-frame.ts";
export { judgeUpgrade, upgradeResponse, type UpgradeJudgement, type UpgradeRequest } from "./protocol/ws-handshake.ts";
export { createMaskSource, type MaskSource } from "./protocol/ws-mask.ts";
export {
  createWsReceiver, type DataOpcode, type WsByteHandlers, type WsControlHandlers, type WsReceiver,
  type WsReceiverHandlers, type WsReceiverOptions, type WsValueHandlers,
} from "./protocol/ws-message.ts";
