// Values that fit a schema, and that every schema has an end.
// Not JSON Schema as a whole: only the forms that the module says it knows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleOf } from "../../src/agent/sample.ts";
import { LIMITS } from "../../src/core/limits.ts";

const TEXT = "made up by codexd's embedded agent, which is no model";

test("each form has its value", () => {
  const cases: ReadonlyArray<readonly [unknown, unknown]> = [
    [{ type: "string" }, TEXT],
    [{ type: "string", maxLength: 4 }, "made"],
    [{ type: ["string", "null"] }, TEXT],
    [{ type: "integer", minimum: 2.5 }, 3],
    [{ type: "integer" }, 0],
    [{ type: "number", minimum: 0.5 }, 0.5],
    [{ type: "boolean" }, false],
    [{ type: "null" }, null],
    [{ type: "array", items: { type: "boolean" } }, [false]],
    [{ type: "array", minItems: 2, items: { type: "null" } }, [null, null]],
    [{ const: 0 }, 0],
    [{ enum: ["a", "b"] }, "a"],
    [{ enum: [], type: "boolean" }, false],
    [{ anyOf: [{ type: "integer" }, { type: "string" }] }, 0],
    [{ oneOf: [], type: "boolean" }, false],
    [{ properties: { a: { type: "boolean" } } }, { a: false }],
    [{ type: "object" }, {}],
    [{ type: "strange" }, null],
    [{}, null],
    [true, null],
  ];
  for (const [schema, expected] of cases) assert.deepEqual(sampleOf(schema), expected, JSON.stringify(schema));
});

test("a schema deeper or wider than the limits is answered with null there", () => {
  const nested = (depth: number): unknown => {
    return depth === 0 ? { type: "boolean" } : { type: "array", items: nested(depth - 1) };
  };
  const innermost = (value: unknown): unknown => (Array.isArray(value) ? innermost(value[0]) : value);
  assert.equal(innermost(sampleOf(nested(LIMITS.agentSampleDepthMax))), false);
  assert.equal(innermost(sampleOf(nested(LIMITS.agentSampleDepthMax + 1))), null);

  // The array itself is a node too.
  const wide = (minItems: number): unknown[] => sampleOf({ minItems, type: "array", items: { const: 1 } }) as unknown[];
  assert.equal(wide(LIMITS.agentSampleNodesMax - 1).at(-1), 1);
  assert.equal(wide(LIMITS.agentSampleNodesMax).at(-1), null);
  assert.equal(wide(1e9).length, LIMITS.agentSampleNodesMax);
});
