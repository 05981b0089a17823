/** Writes mergekit's YAML (schema of mergekit 0.1.4). */
import { stringify } from "yaml";

/** A value, a gradient over the layers, or values by parts of names. */
export type WrittenSetting = number | boolean | readonly number[] | readonly { readonly filter?: string; readonly value: WrittenSetting }[];
export interface MergekitData {
  readonly merge_method: string;
  readonly base_model?: string;
  readonly models: readonly { readonly model: string; readonly parameters?: Readonly<Record<string, WrittenSetting>> }[];
  readonly parameters?: Readonly<Record<string, WrittenSetting>>;
  readonly dtype: string;
  readonly out_dtype?: string;
}

export const writeMergekit = (data: MergekitData): string => stringify(data, { lineWidth: 0 });
