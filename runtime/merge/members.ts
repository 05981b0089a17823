/** Bytes of the members' tensors. */
import type { TensorHeader } from "../../formats/checkpoint.ts";
import { RuntimeFailure } from "../errors.ts";
import { FileFailure } from "../checkpoint/files.ts";
import type { OpenCheckpoint } from "../checkpoint/open.ts";

export type Sources = ReadonlyMap<string, OpenCheckpoint>;

/** A tensor of a member; throws `RuntimeFailure` where its checkpoint lacks it. */
export function memberTensor(sources: Sources, source: string, tensor: string): { readonly open: OpenCheckpoint; readonly header: TensorHeader } {
  const open = sources.get(source), header = open?.header.tensors.get(tensor);
  if (!open || !header) throw new RuntimeFailure("A0712", { source, tensor, reason: "its checkpoint does not have it" });
  return { open, header };
}

/** Fills `into` with the bytes of a tensor from `begin` on. Rejects with `RuntimeFailure` where the file cannot be read. */
export async function readMember(sources: Sources, source: string, tensor: string, begin: number, into: Uint8Array): Promise<void> {
  const { open, header } = memberTensor(sources, source, tensor);
  try {
    await open.directory.read(header.file, header.begin + begin, into);
  } catch (e) {
    if (e instanceof FileFailure) throw new RuntimeFailure("A0713", { problem: { ...e.problem, tensor } }, { cause: e });
    throw e;
  }
}
