// Compiles runtime/plan.schema.json with ajv to runtime/plan-validator.generated.ts, so that loading a plan needs no `eval` (a page's
// content security policy may forbid it) and no ajv. With --check it only says whether the file is up to date.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { default: Ajv } = require("ajv");
const { default: standalone } = require("ajv/dist/standalone/index.js");

const at = (path) => new URL(`../${path}`, import.meta.url);
const schema = JSON.parse(readFileSync(at("runtime/plan.schema.json"), "utf8"));
const ajv = new Ajv({ code: { source: true, esm: true, lines: true }, strict: true, allErrors: false, messages: true });
const code = standalone(ajv, ajv.compile(schema));
if (/\brequire\(|^import /m.test(code)) throw new Error("the validator would import a part of ajv; avoid that keyword in the schema");
const body = code.replace(/^"use strict";?/, "").replace(/export default validate\w+;?/, "").replace(/export const validate = /, "export const validatePlan = ");
const text = `// @ts-nocheck\n/** Made from plan.schema.json by scripts/plan-validator.mjs; do not edit. */\n${body.trim()}\n`;
if (process.argv.includes("--check")) {
  if (readFileSync(at("runtime/plan-validator.generated.ts"), "utf8") !== text) {
    console.error("runtime/plan-validator.generated.ts is out of date: run node scripts/plan-validator.mjs");
    process.exitCode = 1;
  }
} else writeFileSync(at("runtime/plan-validator.generated.ts"), text);
