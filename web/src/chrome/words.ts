/** What sorts are called. */
export const SORT_WORDS: Readonly<Record<string, string>> = {
  trending: "Trending",
  volume: "Volume",
  liquidity: "Liquidity",
  market_cap: "Market cap",
  price_change: "Change",
  transactions: "Transactions",
  traders: "Traders",
  holders: "Holders",
  organic_score: "Organic score",
  newest: "Newest",
  graduation_pct: "Graduation %",
  graduated: "Graduated",
};
