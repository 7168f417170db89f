//! The shell's own wrappers.

use workflows::operation::Act;

use super::super::arg::{Arg, Feed};
use super::super::facts::Facts;
use super::super::options::Spec;
use super::super::read::{Reader, Spot};
use super::super::run::Call;
use super::super::word::Doubt;
use super::joined;

impl Reader {
    pub(super) fn builtin(&mut self, name: &str, call: &Call) -> Result<(), Doubt> {
        match name {
            "command" => {
                let parsed = Spec { flags: "pvV", ..Spec::default() }.parse(call.args(), false)?;
                let mut facts = Facts::of(call);
                let looks = parsed.has(&["v", "V"]);
                if looks {
                    facts.act(Act::Read);
                }
                self.found.push(facts.finish());
                if !looks {
                    self.below(call, parsed.rest);
                }
            }
            "builtin" => {
                self.itself(call);
                self.below(call, call.args().to_vec());
            }
            "exec" => {
                let parsed = Spec { flags: "cl", takes: "a", ..Spec::default() }.parse(call.args(), false)?;
                self.itself(call);
                self.below(call, parsed.rest);
            }
            "time" => {
                const SPEC: Spec = Spec {
                    flags: "pvaqV",
                    takes: "fo",
                    glued: "",
                    long: &["portability", "verbose", "append", "quiet"],
                    long_takes: &["format", "output"],
                };
                let parsed = SPEC.parse(call.args(), false)?;
                let mut facts = Facts::of(call);
                if let Some(file) = parsed.value(&["o", "output"]) {
                    facts.abuse("`time -o` writes a file");
                    facts.file(file, true);
                }
                self.found.push(facts.finish());
                self.below(call, parsed.rest);
            }
            "eval" => {
                let words = call.args();
                let words = if words.first().is_some_and(|word| word.is("--")) {
                    words.get(1..).unwrap_or_default()
                } else {
                    words
                };
                let mut facts = Facts::of(call);
                for word in words {
                    facts.foreign(&word.feed);
                }
                let code = joined(words).ok();
                if code.is_none() {
                    facts.opaque("the code that `eval` runs is not in the text");
                }
                self.found.push(facts.finish());
                if let Some(code) = code {
                    let Call { spot, .. } = call.inner(Vec::new());
                    self.text(&code.text, &spot);
                }
            }
            "trap" => self.trap(call)?,
            _ => self.sourced(call),
        }
        Ok(())
    }

    fn trap(&mut self, call: &Call) -> Result<(), Doubt> {
        self.itself(call);
        let code = match call.args() {
            [first, rest @ ..] if first.is("--") => rest.first(),
            args => args.first(),
        };
        match code {
            None => Ok(()),
            Some(code) if code.is("-") || code.is("-l") || code.is("-p") => Ok(()),
            Some(_) if call.args().len() == 1 => Ok(()),
            Some(code) => {
                let code = code.known().ok_or("what `trap` runs is not in the text")?;
                let Call { spot, .. } = call.inner(Vec::new());
                self.text(code, &Spot { feed: Feed::Program, ..spot });
                Ok(())
            }
        }
    }

    fn sourced(&mut self, call: &Call) {
        let mut facts = Facts::of(call);
        match (call.args().first(), call.feed()) {
            (Some(file), Feed::Text(text)) if file.is("/dev/stdin") => {
                self.found.push(facts.finish());
                let Call { spot, .. } = call.inner(Vec::new());
                self.text(&text, &spot);
                return;
            }
            (Some(file), feed) => {
                self.script(file, &mut facts);
                if file.is("/dev/stdin") {
                    facts.foreign(&feed);
                    facts.opaque("it reads its commands from its input");
                }
            }
            (None, _) => facts.opaque("which file of code runs is not in the text"),
        }
        self.found.push(facts.finish());
    }
}

/// A builtin's arguments may name a part of an array, whose subscript is evaluated.
pub(in crate::shell) fn names_a_part(args: &[Arg]) -> bool {
    args.iter().any(|arg| !arg.text.starts_with('-') && (arg.text.contains('[') || arg.text.contains('`')))
}
