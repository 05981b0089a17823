/**
 * What is known of a checkpoint directory before any tensor data is read: its JSON files and its tensor headers.
 */
import type { StorageType } from "../ir/graph.ts";

export interface TensorHeader {
  readonly name: string;
  readonly dtype: StorageType;
  readonly shape: readonly number[];
  /** File inside the directory, and the absolute byte range of the data in it. */
  readonly file: string;
  readonly begin: number;
  readonly end: number;
  /** Elements between neighbours of each axis, where they do not lie in row-major order; the range spans all of them. */
  readonly strides?: readonly number[];
}

export interface CheckpointHeader {
  /** The directory as it was asked for, and where it really is. */
  readonly path: string;
  readonly location: string;
  /** Parsed JSON files by name (`config.json`, `adapter_config.json`, `generation_config.json`, ...). */
  readonly json: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, TensorHeader>;
  readonly files: readonly { readonly file: string; readonly size: number; readonly headerHash: string }[];
  /** Names of all plain files in the directory. */
  readonly listing: readonly string[];
}

/** What stands for the files of something without tensors of its own. */
export const noFiles: CheckpointHeader = { path: "", location: "", json: {}, tensors: new Map(), files: [], listing: [] };

/** Why a checkpoint cannot be used. `kind` selects the diagnostic; the rest are its facts. */
export interface CheckpointProblem {
  readonly problem:
    | "not_found" | "not_a_directory" | "no_config" | "no_tensors" | "bad_json" | "bad_header" | "bad_archive" | "bad_pickle" | "truncated" | "bad_dtype"
    | "overlap" | "out_of_file" | "missing_shard" | "outside_directory" | "duplicate" | "unreadable" | "hub";
  readonly path: string;
  readonly file?: string;
  readonly tensor?: string;
  /** One plain sentence with the numbers. */
  readonly detail: string;
}

/** Everything the compiler may ask of the outside world. */
export interface Host {
  /** The text of a source file, or undefined when there is none. */
  readText(path: string): Promise<string | undefined>;
  /** Joins `spec` (relative or absolute) to the directory of the file `from`. */
  resolve(from: string, spec: string): string;
  /** Opens a checkpoint directory or a hub name; reads JSON and headers only. */
  openCheckpoint(path: string, kind: "base" | "adapter"): Promise<CheckpointHeader | CheckpointProblem>;
}
