//! Percentiles by nearest rank, as `bench/statistics.mjs` makes them: each figure is one that was measured.

use std::collections::BTreeMap;

/// One figure.
#[derive(Debug, serde::Serialize)]
struct Figure {
    n: usize,
    p50: f64,
    p95: f64,
    p99: f64,
}

/// All figures, by name.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<&'static str, Figure>);

impl Figures {
    pub(crate) fn add(&mut self, name: &'static str, samples: Vec<f64>) {
        let figure = figure(samples);
        eprintln!("{name}: {figure:?}");
        self.0.insert(name, figure);
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("names and numbers are JSON")
    }
}

fn figure(mut samples: Vec<f64>) -> Figure {
    samples.sort_by(f64::total_cmp);
    let rank = |percent: usize| {
        let place = (samples.len() * percent).div_ceil(100).saturating_sub(1);
        samples.get(place).map_or(0.0, |sample| (sample * 100.0).round() / 100.0)
    };
    Figure { n: samples.len(), p50: rank(50), p95: rank(95), p99: rank(99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_by_nearest_rank() {
        let figure = figure((1..=200).rev().map(f64::from).collect());
        assert_eq!((figure.n, figure.p50, figure.p95, figure.p99), (200, 100.0, 190.0, 198.0));
    }

    #[test]
    fn one_sample_is_every_percentile() {
        let figure = figure(vec![1.234]);
        assert_eq!((figure.n, figure.p50, figure.p99), (1, 1.23, 1.23));
    }
}
