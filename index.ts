/** The public API in Node. `open` a spec or a plan, get a `Session`: run named tensors, generate text, dispose. */
export { open } from "./api/node-open.ts";
export { SpecError, type OpenOptions } from "./api/spec.ts";
export { check, compile, compileMerge, compileMergekit, compileStored, explainCode, exportMergekit, format, initText, renderDiagnostics, type CompileOptions, type Diagnostic, type Host } from "./compiler/index.ts";
export {
  RuntimeFailure, memoryFiles, openPlan, type ChatMessage, type DeviceInfo, type DeviceName, type GenerateOptions, type GenerateResult,
  type GenerateStats, type Generation, type InputValue, type Piece, type Plan, type Prompt, type Session, type Tensor,
} from "./runtime/index.ts";
export { nodeDevices } from "./runtime/node-devices.ts";
export { nodeFiles, nodeHost } from "./runtime/node-host.ts";
export { mergeToDisk } from "./api/node-merge.ts";
export type { MergeOptions, MergePlan, MergeReport } from "./runtime/index.ts";
export { loadPlan, savePlan } from "./runtime/node-plan.ts";
