/** `npm run bench -- NAME...`: measurements by name; all of them without a name. The figures are for people, never tests. */
const benches: Readonly<Record<string, () => Promise<void>>> = {
  gemm: async () => (await import("./gemm.ts")).gemm(),
  gemv: async () => (await import("./gemm.ts")).gemv(),
  threads: async () => (await import("./gemm.ts")).threads(),
  decode: async () => (await import("./model.ts")).decode(),
  lora: async () => (await import("./model.ts")).lora(),
  mixed: async () => (await import("./tenants.ts")).mixed(),
  switching: async () => (await import("./tenants.ts")).switching(),
  compile: async () => (await import("./model.ts")).compile(),
  merge: async () => (await import("./merge.ts")).merge(),
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((n) => !(n in benches));
if (unknown !== undefined) {
  console.error(`no bench is called ${unknown}; there are ${Object.keys(benches).join(", ")}`);
  process.exit(2);
}
for (const name of wanted.length ? wanted : Object.keys(benches)) await benches[name]!();
process.exit(0);
