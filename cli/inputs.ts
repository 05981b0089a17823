/** `--input name=value` as the inputs of a run: numbers, `true` and `false`, texts, and lists with one value for each row. */
import type { InputValue, Plan } from "../index.ts";
import type { Options } from "./commands.ts";
import { UsageFailure } from "./failure.ts";

type ModelPlan = Plan["models"][string];

/** Values by name; what a text means depends on the input's type. Throws `UsageFailure`. */
export function requestInputs(model: ModelPlan, options: Options): Record<string, InputValue> {
  const texts = (options.input as readonly string[] | undefined) ?? [];
  return Object.fromEntries(texts.map((text) => {
    const at = text.indexOf("="), name = text.slice(0, Math.max(at, 0));
    if (at < 1) throw new UsageFailure(`\`--input ${text}\`: write --input name=value`);
    const input = model.inputs.find((i) => i.name === name);
    if (!input) {
      const known = model.inputs.filter((i) => i.domain).map((i) => `\`${i.name}\``);
      throw new UsageFailure(`the model reads no input \`${name}\`; ${known.length > 0 ? `it reads ${known.join(", ")}` : "it declares none"}`);
    }
    return [name, valueOf(text.slice(at + 1), input.domain?.kind === "text", text)];
  }));
}

/** A bare text is one value; `[..]` is a list in JSON; numbers may also be listed with commas. */
function valueOf(text: string, isText: boolean, whole: string): InputValue {
  if (text.startsWith("[")) {
    const list = json(text);
    if (Array.isArray(list) && list.every((v) => typeof v === "number" || typeof v === "string" || typeof v === "boolean")) return list as InputValue;
    throw new UsageFailure(`\`--input ${whole}\`: a list is written as [0.3, 0.7] or ["a", "b"]`);
  }
  if (isText) return text;
  const items = text.split(",").map((item) => {
    const v = json(item.trim());
    return typeof v === "number" || typeof v === "boolean" ? v : item;
  });
  return items.length === 1 ? items[0]! : items;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
