/** The public API in a browser: specs and checkpoints come by `fetch`, `navigator.gpu` and workers compute. */
export { open, type BrowserOptions } from "./api/browser-open.ts";
export { SpecError, type OpenOptions } from "./api/spec.ts";
export { check, compile, explainCode, format, initText, renderDiagnostics, type CompileOptions, type Diagnostic, type Host } from "./compiler/index.ts";
export {
  RuntimeFailure, browserDevices, memoryFiles, openPlan, urlFiles, type ChatMessage, type DeviceInfo, type DeviceName, type GenerateOptions,
  type GenerateResult, type GenerateStats, type Generation, type InputValue, type Piece, type Plan, type Prompt, type Session, type Tensor,
} from "./runtime/index.ts";
