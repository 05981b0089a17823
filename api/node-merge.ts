/** Merges on disk in Node: a plan carried out into a directory. */
import { nodeThreads } from "../runtime/cpu/node-cpu.ts";
import { runMerge, type MergeOptions, type MergePlan, type MergeReport } from "../runtime/index.ts";
import { DirectoryOutput } from "../runtime/merge/node-output.ts";
import { nodeFiles } from "../runtime/node-host.ts";
import { preparedBytes } from "../runtime/merge/prepared.ts";
import { bytesOf } from "../runtime/merge/merge-plan.ts";

/** Writes the result of a merge plan into a directory, which appears when it is complete. Rejects with `RuntimeFailure`. */
export async function mergeToDisk(plan: MergePlan, folder: string, options: MergeOptions = {}): Promise<MergeReport> {
  const bytes = plan.tensors.reduce((n, t) => n + bytesOf(t), preparedBytes(plan));
  return runMerge(plan, nodeFiles(), new DirectoryOutput(folder, bytes), { threads: nodeThreads(), ...options });
}
