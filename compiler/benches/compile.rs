//! How long a compilation takes, by the number of subdevices, written out and by `repeat`, beside the `kdl` crate's own
//! parse of the same bytes: `cargo bench -p subdevcfg-compiler --bench compile`.

mod files;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use files::{Text, literal, repeated};
use subdevcfg_compiler::compile;

fn by_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subdevices");
    group.sample_size(10);
    for count in [1, 10, 100, 1_000, 10_000] {
        let text = literal(count);
        group.throughput(Throughput::Elements(u64::from(count)));
        group.bench_with_input(BenchmarkId::new("literal", count), &text, |bench, text| {
            bench.iter(|| black_box(compile("host.kdl".into(), &Text(text))));
        });
        group.bench_with_input(BenchmarkId::new("kdl-parse", count), &text, |bench, text| {
            bench.iter(|| black_box(kdl::KdlDocument::parse_v2(text)));
        });
        let text = repeated(count);
        group.bench_with_input(BenchmarkId::new("repeat", count), &text, |bench, text| {
            bench.iter(|| black_box(compile("host.kdl".into(), &Text(text))));
        });
    }
    group.finish();
}

criterion_group!(benches, by_size);
criterion_main!(benches);
