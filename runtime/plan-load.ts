/**
 * Checks a plan before anything believes it: version, schema (compiled by ajv ahead of time, so no `eval` is needed where a
 * page forbids it), and that indices point at what is there.
 */
import { verify } from "../ir/verify.ts";
import { RuntimeFailure } from "./errors.ts";
import { planVersion, type ModelPlan, type Plan, type Program } from "./plan.ts";
import { validatePlan } from "./plan-validator.generated.ts";

/** The validator ajv made: `errors` belong to the last call. */
interface Validator {
  (value: unknown): boolean;
  errors?: readonly { readonly instancePath: string; readonly message?: string }[] | null;
}

const checked = new WeakSet<object>();

/** The value as a plan. Throws `RuntimeFailure` A0709 (another version) or A0710 (damaged). */
export function checkPlan(value: unknown): Plan {
  if (typeof value !== "object" || value === null) throw damaged("plan", "it is not an object");
  if (checked.has(value)) return value as Plan;
  const version = "version" in value ? value.version : undefined;
  if (version !== planVersion) throw new RuntimeFailure("A0709", { found: version, expected: planVersion });
  const validate = validatePlan as Validator;
  if (!validate(value)) {
    const first = validate.errors?.[0];
    throw damaged(first?.instancePath || "plan", first?.message ?? "it does not fit the schema");
  }
  const plan = value as Plan;
  for (const [name, model] of Object.entries(plan.models)) checkModel(name, model, plan);
  checked.add(value);
  return plan;
}

/** Reads the text of `plan.json`. */
export function parsePlan(text: string): Plan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw damaged("plan.json", `it is not JSON: ${e instanceof Error ? e.message : String(e)}`);
  }
  return checkPlan(value);
}

function checkModel(name: string, model: ModelPlan, plan: Plan): void {
  const at = `models/${name}`;
  const size = model.graph.nodes.length;
  const problems = verify(model.graph);
  if (problems[0] !== undefined) throw damaged(`${at}/graph`, problems[0].replace(/\.$/, ""));
  if (model.weights.some((w) => w >= size) || model.outputs.some((o) => o.node >= size)) throw damaged(at, "it names a node the graph does not have");
  for (const n of model.graph.nodes)
    if (n.op === "param" && !Object.hasOwn(plan.sources, n.source)) throw damaged(at, `it reads a checkpoint \`${n.source}\` the plan does not name`);
  for (const [kind, program] of Object.entries(model.programs)) if (program) checkProgram(`${at}/programs/${kind}`, program, size);
}

function checkProgram(at: string, program: Program, nodes: number): void {
  for (const s of program.steps) {
    if (s.args.some((a) => a >= program.buffers.length)) throw damaged(at, `step ${s.label} names a buffer that is not there`);
    if (s.variants.length === 0 || s.variants.some((v) => v.kernel >= program.kernels.length)) throw damaged(at, `step ${s.label} names a kernel that is not there`);
  }
  for (const b of program.buffers) if (b.kind === "weight" && (b.parts ?? []).some((p) => p >= nodes)) throw damaged(at, "a weight names a node the graph does not have");
}

const damaged = (place: string, reason: string): RuntimeFailure => new RuntimeFailure("A0710", { place, reason });
