//! Whether it always ends when nothing goes wrong any more: the steps without fault and act form no circle, so that each
//! way along them ends, whatever the order; and where it ends, the properties look.

/// Whether these edges form a circle. Takes leaves away until there are none.
pub(crate) fn has_circle(mut edges: Vec<(u64, u64)>) -> bool {
    edges.sort_unstable();
    edges.dedup();
    let mut nodes: Vec<u64> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let place = |node: u64| nodes.binary_search(&node).expect("all are in it");
    let mut into: Vec<u32> = vec![0; nodes.len()];
    let edges: Vec<(u32, u32)> = edges.iter().map(|(from, to)| (index(place(*from)), index(place(*to)))).collect();
    for (_, to) in &edges {
        into[*to as usize] += 1;
    }
    let mut free: Vec<u32> = (0..index(nodes.len())).filter(|node| into[*node as usize] == 0).collect();
    let mut taken = 0;
    while let Some(node) = free.pop() {
        taken += 1;
        let first = edges.partition_point(|(from, _)| *from < node);
        for (_, to) in edges[first..].iter().take_while(|(from, _)| *from == node) {
            into[*to as usize] -= 1;
            if into[*to as usize] == 0 {
                free.push(*to);
            }
        }
    }
    taken < nodes.len()
}

fn index(place: usize) -> u32 {
    u32::try_from(place).expect("memory ends before")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_wherever_it_is() {
        assert!(!has_circle(vec![]));
        assert!(!has_circle(vec![(1, 2), (2, 3), (1, 3), (4, 3)]));
        assert!(has_circle(vec![(1, 2), (2, 3), (3, 2)]));
        assert!(has_circle(vec![(7, 7)]));
    }
}
