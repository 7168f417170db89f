//! `explain`: what would happen, of the server or of a file.

use std::path::Path;

use console::documents::{ExplainBody, Explanation};

use super::Desk;
use crate::cli::ExplainArgs;
use crate::failure::Failure;
use crate::judge::Judge;
use crate::plain;
use crate::screen::Screen;

pub(super) async fn run(desk: &Desk<'_>, args: ExplainArgs) -> Result<(), Failure> {
    let ExplainArgs { person, config, target, sql } = args;
    let body = ExplainBody { person, target, sql };
    if let Some(file) = config {
        return by_file(desk, &file, &body);
    }
    let explanation: Explanation = desk.client()?.post("/v1/explain", &body).await?;
    desk.screen.show(&explanation, || words(desk.screen, &explanation))
}

/// Reads the file's policy and judges without a store: everything that the policy has to say.
fn by_file(desk: &Desk<'_>, file: &Path, body: &ExplainBody) -> Result<(), Failure> {
    let config = super::load(file)?;
    let judge = Judge::start().map_err(|error| Failure::new(format!("the parser does not start: {error}")))?;
    let person = body.person.as_deref().unwrap_or_default();
    let explanation = judge.explain(&config.policy, person, &body.target, &body.sql, desk.screen.now());
    desk.screen.show(&explanation, || plain::block(&explanation.to_string()).into_owned())
}

fn words(screen: &Screen, explanation: &Explanation) -> String {
    let verdict = match explanation.gate.as_str() {
        "open" => "passes",
        "hold" => "is held until people agree",
        "shut" => "is refused",
        other => other,
    };
    screen.fields(&[
        ("it", verdict.to_owned()),
        ("because", explanation.because.join("\n")),
        ("asks", explanation.asked.join(", ")),
        ("masks", explanation.masked.join(", ")),
    ])
}

#[cfg(test)]
mod tests {
    use workflows::clock::Timestamp;

    use super::*;
    use crate::screen::Form;

    #[test]
    fn an_explanation_reads_as_a_sentence() {
        let screen = Screen::fixed(Form::People, None, Timestamp::from_micros(0));
        let explanation = Explanation {
            gate: "hold".to_owned(),
            because: vec!["rule `bulk write`: op.writes && !op.bounded".to_owned()],
            asked: vec!["group:dba".to_owned()],
            masked: Vec::new(),
        };
        let expected = "it       is held until people agree\n\
                        because  rule `bulk write`: op.writes && !op.bounded\n\
                        asks     group:dba\n";
        assert_eq!(words(&screen, &explanation), expected);
    }
}
