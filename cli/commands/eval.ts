/** `adapt eval`: computes a model's outputs for the tensors of a file and writes them. */
import { resolve } from "node:path";
import type { InputValue } from "../../index.ts";
import type { Options } from "../commands.ts";
import type { Console } from "../console.ts";
import { ProgramFailure, UsageFailure } from "../failure.ts";
import { readTensors, writeTensors } from "../tensors.ts";
import { openWorkbench } from "../workbench.ts";

export async function run([file]: readonly string[], options: Options, console: Console): Promise<void> {
  if (resolve(String(options.inputs)) === resolve(String(options.outputs))) throw new UsageFailure("`--outputs` is the file of `--inputs`, which would be lost; name another");
  const inputs = readTensors(String(options.inputs));
  const bench = await openWorkbench(String(file), options, console);
  const model = bench.choose(options.model), values = bench.inputs(model);
  const session = await bench.session(model);
  try {
    const given: Record<string, InputValue> = { ...values }, unread: string[] = [];
    for (const [name, tensor] of Object.entries(inputs)) {
      if (session.inputs.includes(name)) given[name] ??= tensor;
      else unread.push(name);
    }
    if (unread.length > 0) {
      throw new ProgramFailure(`\`${String(options.inputs)}\` has ${unread.map((n) => `\`${n}\``).join(", ")}, which \`${session.model}\` does not read; it reads ${session.inputs.map((n) => `\`${n}\``).join(", ")}`);
    }
    const before = session.dispatches;
    // Without ids for the decoder there is nothing to score, only something to write.
    const scored = session.writes !== "answer" || given[session.continues] !== undefined || typeof options.greedy !== "number";
    const outputs = !scored ? {} : await session.run(given, { outputs: session.outputs.filter((name) => name !== "next_logits"), signal: console.signal });
    const dispatches = session.dispatches - before;
    if (typeof options.greedy === "number") outputs.greedy_ids = await session.greedy(given, options.greedy, console.signal);
    writeTensors(String(options.outputs), outputs, new Set(["greedy_ids"]));
    if (options.json === true) {
      const { device } = session;
      console.out(`${JSON.stringify({
        model: session.model, device: device.kind, adapter: device.name, software: device.software ?? false,
        ...(device.threads === undefined ? {} : { threads: device.threads }), chosen: session.reason,
        dispatches, total_dispatches: session.dispatches, weight_bytes: session.weightBytes,
        outputs: Object.fromEntries(Object.entries(outputs).map(([name, t]) => [name, t.shape])),
      }, null, 2)}\n`);
    }
  } finally {
    session.dispose();
  }
}
