/**
 * The file of an adapter directory that says what it holds: of one adapter, or of an attention over several (AdapterHub saves
 * that in a folder of its own).
 */
import type { CheckpointHeader } from "./checkpoint.ts";

/** The files that say so, in the order they are looked for. */
export const adapterConfigFiles: readonly string[] = ["adapter_config.json", "adapter_fusion_config.json"];

/** The one that a directory has; the first where it has none. */
export const configFileOf = (header: CheckpointHeader): string => adapterConfigFiles.find((f) => header.json[f] !== undefined) ?? adapterConfigFiles[0]!;

/** What it says; undefined for a directory, or a file of tensors, without one. */
export const configOf = (header: CheckpointHeader): unknown => header.json[configFileOf(header)];
