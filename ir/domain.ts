/** What the values of a graph's input can be, asserted before a run. */
export type InputDomain =
  /** `expected` says the range in words. */
  | { readonly kind: "range"; readonly from?: number; readonly to?: number; readonly inclusive: boolean; readonly whole: boolean; readonly expected: string }
  /** Along the last axis: not negative, sum 1 within 1e-5. */
  | { readonly kind: "simplex" }
  /** 0 and 1 */
  | { readonly kind: "bool" }
  /** A text becomes its position in `values`; others become `values.length`, or are refused where `closed`. */
  | { readonly kind: "text"; readonly values: readonly string[]; readonly closed: boolean };
