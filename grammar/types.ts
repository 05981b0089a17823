/** The grammar of types and shapes: `Int 1..`, `Linear[I -> O](bias: true)`, `[B, S, D] f32`. */
import { ExpressionGrammar, free, head } from "./expressions.ts";
import * as t from "./tokens.ts";

export class TypeGrammar extends ExpressionGrammar {
  protected readonly typeExpression = this.RULE("typeExpression", () => {
    this.OR([{ ALT: () => this.SUBRULE(this.namedType) }, { ALT: () => this.SUBRULE(this.shapeType) }]);
  });

  protected readonly shapeType = this.RULE("shapeType", () => {
    this.SUBRULE(this.dims);
    this.OPTION({ GATE: () => this.onSameLine() && this.LA(1).image !== "init", DEF: () => this.CONSUME(t.Identifier) });
  });

  protected readonly namedType = this.RULE("namedType", () => {
    this.CONSUME(t.NameWord);
    this.OPTION({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.dims) });
    this.OPTION2({ GATE: () => this.onSameLine(), DEF: () => this.SUBRULE(this.args) });
    this.OPTION3({
      GATE: () => this.onSameLine(),
      DEF: () => {
        this.CONSUME(t.LBracket);
        this.SUBRULE(this.expression, { ARGS: [free], LABEL: "count" });
        this.CONSUME(t.RBracket);
      },
    });
    this.OPTION4({ GATE: () => this.onSameLine() && this.rangeFollows(), DEF: () => this.SUBRULE2(this.expression, { ARGS: [head], LABEL: "range" }) });
    this.OPTION5(() => this.CONSUME(t.Question));
  });

  protected readonly dims = this.RULE("dims", () => {
    this.CONSUME(t.LBracket);
    this.OPTION(() => {
      this.SUBRULE(this.dim);
      this.MANY(() => {
        this.OR([{ ALT: () => this.CONSUME(t.Comma) }, { ALT: () => this.CONSUME(t.Arrow) }]);
        this.SUBRULE2(this.dim);
      });
    });
    this.CONSUME(t.RBracket);
  });

  protected readonly dim = this.RULE("dim", () => {
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        { ALT: () => this.CONSUME(t.Ellipsis) },
        { ALT: () => this.CONSUME(t.RangeOpen) },
        { ALT: () => this.SUBRULE(this.expression, { ARGS: [free] }) },
      ],
    });
  });

  /** `Int 1..` and `Float 0..=1`: a number or a range sign right after the name of a type. */
  protected rangeFollows(): boolean {
    const next = this.LA(1).tokenType;
    return next === t.NumberToken || next === t.RangeOpen || next === t.RangeInclusive || (next === t.Minus && this.LA(2).tokenType === t.NumberToken);
  }
}
