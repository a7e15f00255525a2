// `POST /v1/codexd/uploads`: an image for the turns of a session, as its bytes or as base64 in JSON.
//
// The one route that takes a body that is not JSON. No page of another origin can send one unasked: none of these types
// is safelisted (Fetch standard, §2.2.2), and the guard refuses a foreign Origin before a body is looked at.
// Invariant: what a file is, and whether it is taken, the service says; here it only gets there whole.

import { DecodeError, described, nonEmptyString } from "../base/decode.ts";
import { LIMITS } from "../core/limits.ts";
import { UPLOAD_MEDIA_TYPES } from "../core/requests.ts";
import { decodeUpload } from "../service/codex-inputs.ts";
import { UPLOAD } from "../service/idempotency/kept-forms.ts";
import { textField } from "./query.ts";
import { route, type BodyDecoder, type Route } from "./route.ts";

interface UploadBody {
  /** Null where the body had no room for it. */
  readonly sessionId: string | null;
  readonly mediaType: string | null;
  readonly bytes: Buffer;
}

const decodeJson: BodyDecoder<UploadBody> = described((body: Record<string, unknown>) => {
  const { sessionId, mediaType = null, data } = decodeUpload(body, "");
  return { sessionId, mediaType, bytes: data };
}, decodeUpload.schema ?? {});

export const UPLOAD_ROUTE: Route = route({
  method: "POST", path: "/v1/codexd/uploads", status: 201, creates: true,
  summary: "Upload an image for a session's turns",
  query: { session: textField(nonEmptyString, "the sessionId, where the body is the image itself") },
  bodySize: "upload",
  body: decodeJson,
  raw: {
    types: UPLOAD_MEDIA_TYPES,
    bytesMax: LIMITS.uploadBytesMax,
    decode: ({ mediaType, bytes }) => ({ sessionId: null, mediaType, bytes }),
  },
  handle: async ({ services, query: { session }, body: { sessionId: told, mediaType, bytes }, once }) => {
    const sessionId = told ?? session;
    if (sessionId === null) throw new DecodeError("session", "is required: put ?session=ses_… behind the path");
    if (session !== null && session !== sessionId) {
      throw new DecodeError("session", "must be the sessionId in the body, or be left out");
    }
    return once(
      UPLOAD, (keeping) => services.uploads.create({ sessionId, mediaType, bytes }, keeping),
      (upload) => ({ data: { upload } }),
    );
  },
});
