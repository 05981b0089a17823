/** Options of the command line as the session's generation options. */
import type { GenerateOptions } from "../index.ts";
import type { Options } from "./commands.ts";

export function generationOptions(options: Options): GenerateOptions {
  const number = (name: string): number | undefined => (typeof options[name] === "number" ? (options[name] as number) : undefined);
  return {
    maxTokens: number("maxTokens"),
    temperature: number("temperature"),
    topK: number("topK"),
    topP: number("topP"),
    minP: number("minP"),
    repetitionPenalty: number("repetitionPenalty"),
    seed: number("seed"),
    stop: options.stop as readonly string[] | undefined,
  };
}
