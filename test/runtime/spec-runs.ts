/** Running the text of a spec for tests that compare outputs. */
import { writeFileSync } from "node:fs";
import { open, type DeviceName, type InputValue, type Session } from "../../index.ts";

/** Opens a spec written to a file, and disposes of its session after `use`. */
export async function withSpec<T>(file: string, text: string, device: DeviceName, use: (session: Session) => Promise<T>): Promise<T> {
  writeFileSync(file, text);
  const session = await open(file, { device });
  try {
    return await use(session);
  } finally {
    session.dispose();
  }
}

/** The logits of one run. */
export const logitsOf = (inputs: Readonly<Record<string, InputValue>>) => async (session: Session): Promise<Float32Array> =>
  (await session.run(inputs, { outputs: ["logits"] })).logits!.data as Float32Array;

/** `||a - b|| / ||b||` */
export function distance(a: Float32Array, b: Float32Array): number {
  const away = a.reduce((s, x, i) => s + (x - b[i]!) ** 2, 0), size = b.reduce((s, x) => s + x * x, 0);
  return Math.sqrt(away / size);
}
