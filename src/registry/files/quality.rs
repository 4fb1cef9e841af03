//! What a site says of the quality of its quantities: `[site.quality.<quantity>]`.

use crate::catalog::{Catalog, read_jump, read_stuck_for};
use crate::document::Section;
use crate::model::{Jump, QualityRule, Quantity, QuantityName};

/// Reads what a site says, by quantity. It may tighten what the vocabulary says and never loosen it:
/// what cannot be anywhere cannot be here.
pub fn read_quality(site: &Section<'_>, catalog: &Catalog) -> Vec<QualityRule> {
    let read = |name: &str, section: &Section<'_>| {
        let rule = QualityRule {
            quantity: QuantityName::from(name),
            min: section.optional("min"),
            max: section.optional("max"),
            jump: read_jump(section),
            stuck_for: read_stuck_for(section),
        };
        match catalog.quantity(&rule.quantity) {
            Some(quantity) => refuse_looser(section, quantity, &rule),
            None => section.refuse_name(&catalog.wanted_quantity(name)),
        }
        rule
    };
    let mut rules = site.named_tables("quality", read);
    rules.sort_by(|a, b| a.quantity.cmp(&b.quantity));
    rules
}

fn refuse_looser(section: &Section<'_>, quantity: &Quantity, rule: &QualityRule) {
    for (key, limit) in [("min", rule.min), ("max", rule.max)] {
        if limit.is_some_and(|limit| !quantity.in_range(limit)) {
            section.refuse(key, &format!("a limit within the range of {}", quantity.name));
        }
    }
    let (min, max) = (rule.min.or(quantity.min), rule.max.or(quantity.max));
    if min.zip(max).is_some_and(|(min, max)| min >= max) {
        section.refuse("max", "more than min");
    }
    if let Some((ours, widest)) = rule.jump.zip(quantity.jump)
        && !ours.is_as_tight_as(&widest)
    {
        let Jump { step, within } = widest;
        let within = humantime::format_duration(within);
        let wanted =
            format!("a jump as tight as that of {}, {step} within {within}", quantity.name);
        section.refuse("jump", &wanted);
    }
    if let Some((ours, longest)) = rule.stuck_for.zip(quantity.stuck_for)
        && ours > longest
    {
        let longest = humantime::format_duration(longest);
        section.refuse("stuck_for", &format!("at most {longest}, as of {}", quantity.name));
    }
}
