/** A tokenizer of numbered words for tests: token n is `w<n>`; 0 pads, 1 ends a text and is added to it. */
export function wordTokenizer(size: number): object {
  const special = (id: number, content: string): object => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });
  const names = Array.from({ length: size }, (_, i) => (i === 0 ? "<pad>" : i === 1 ? "</s>" : `w${i}`));
  return {
    version: "1.0", truncation: null, padding: null, added_tokens: [special(0, "<pad>"), special(1, "</s>")], normalizer: null,
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: {
      type: "TemplateProcessing", single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
    },
    decoder: null, model: { type: "WordLevel", vocab: Object.fromEntries(names.map((n, i) => [n, i])), unk_token: "<pad>" },
  };
}
