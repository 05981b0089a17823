/** Plans of one model for one device, straight from a schedule. */
import { gpuProgram } from "../../compiler/codegen/gpu/program.ts";
import type { Schedule } from "../../compiler/passes/regions.ts";
import type { ModelPlan } from "../../runtime/plan.ts";
import { planOf } from "../codegen/cpu-schedule.ts";

export { weightsOf } from "../codegen/cpu-schedule.ts";

export function gpuPlanOf(schedule: Schedule): ModelPlan {
  return { ...planOf(schedule).plan, programs: { webgpu: gpuProgram(schedule) } };
}
