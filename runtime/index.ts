/** The runtime: opens plans, runs them, generates text. It knows nothing of the language. */
export { openPlan, type OpenOptions, type PerplexityOptions, type PlanAccess, type Session } from "./session.ts";
export { chooseDevice, type Choice, type DeviceName, type DeviceProviders } from "./choose-device.ts";
export type { Data, Device, DeviceInfo, Executable, RunOptions, StateHandle, Tensor, WeightSource } from "./device.ts";
export type { InputValue } from "./input-values.ts";
export { RuntimeFailure, runtimeCodes, sized, type RuntimeCode } from "./errors.ts";
export { planVersion, type InputDomain, type ModelPlan, type Plan, type PlanInput, type Source } from "./plan.ts";
export { checkPlan, parsePlan } from "./plan-load.ts";
export { memoryFiles, urlFiles, type Directory, type FileSystem } from "./checkpoint/files.ts";
export { openCheckpoint, type OpenCheckpoint } from "./checkpoint/open.ts";
export { weightSource } from "./checkpoint/weights.ts";
export { runMerge, type MergeOptions, type MergeOutput, type MergeReport } from "./merge/run-merge.ts";
export type { MergedTensor, MergePlan } from "./merge/merge-plan.ts";
export { browserDevices } from "./browser-devices.ts";
export { referenceDevice } from "./reference/device.ts";
export type { GenerateOptions, GenerateResult, GenerateStats, Generation, Piece, Prompt, RowResult } from "./text/generation.ts";
export type { FinishReason } from "./text/generate.ts";
export type { SamplingOptions } from "./text/sampling.ts";
export { loadTokenizer, makeTokenizer, type ChatMessage, type Tokenizer } from "./text/tokenizer.ts";
