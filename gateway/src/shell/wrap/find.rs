//! `find`, which reads, deletes, writes and runs.

use workflows::operation::Act;

use super::super::arg::{Arg, Feed};
use super::super::facts::Facts;
use super::super::read::{Reader, Spot};
use super::super::run::Call;
use super::super::word::Doubt;
use super::replace;

/// The most programs that one `find` may run: each is shown with the whole command.
const MOST: usize = 16;

impl Reader {
    pub(super) fn find(&mut self, call: &Call) -> Result<(), Doubt> {
        let mut facts = Facts::of(call);
        facts.act(Act::Read);
        let mut inner = Vec::new();
        let mut words = call.args().iter();
        while let Some(word) = words.next() {
            if word.wild {
                facts.opaque("an argument may be what makes `find` delete or run something");
            }
            match word.text.as_str() {
                "-delete" => {
                    facts.act(Act::Write);
                    facts.destroys("the files that are found", false);
                }
                "-exec" | "-execdir" | "-ok" | "-okdir" => {
                    let rest = words.as_slice();
                    let plus = |at: usize| at > 0 && rest.get(at - 1).is_some_and(|before| before.is("{}"));
                    let ends = |(at, word): (usize, &Arg)| word.is(";") || (word.is("+") && plus(at));
                    let end = rest.iter().enumerate().position(ends).ok_or("`find -exec` without an end")?;
                    let mut command = rest.get(..end).unwrap_or_default().to_vec();
                    for word in &mut command {
                        replace(word, "{}");
                    }
                    inner.push(command);
                    if inner.len() > MOST {
                        return Err(format!("`find` runs more than {MOST} programs"));
                    }
                    words = rest.get(end + 1..).unwrap_or_default().iter();
                    facts.abuse("`find -exec` runs a program");
                }
                "-fprint" | "-fprint0" | "-fprintf" | "-fls" => {
                    facts.abuse("`find` writes a file");
                    if let Some(file) = words.next() {
                        facts.file(file, true);
                    }
                }
                _ => {}
            }
        }
        if !inner.is_empty() {
            // What it runs is judged by itself; `find` does nothing more than to run it.
            facts.runs_others();
        }
        self.made(call, &facts);
        self.found.push(facts.finish());
        for command in inner {
            if command.is_empty() {
                return Err("`find -exec` without a program".to_owned());
            }
            let call = Call { spot: Spot { feed: Feed::Client, ..call.spot.clone() }, ..call.clone() };
            self.below(&call, command);
        }
        Ok(())
    }
}
