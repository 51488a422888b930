/** Fields of the row that the stream's types do not have yet. */
import "./messages";

declare module "./messages" {
  interface Links {
    website?: string;
    x?: string;
    telegram?: string;
    discord?: string;
    instagram?: string;
    tiktok?: string;
    other?: string;
  }
  interface Row {
    mint_revoked?: boolean;
    freeze_revoked?: boolean;
    top_holders_pct?: number;
    dev_pct?: number;
    dev_mints?: number;
    organic_score?: number;
    verified?: boolean;
    boosts?: number;
    launchpad?: string;
    stage?: string;
    graduation_pct?: number;
    graduated_ms?: number;
    image?: string;
    links?: Links;
    flags?: string[];
    traders_5m?: number;
    traders_1h?: number;
    traders_6h?: number;
    traders_24h?: number;
    net_buyers_5m?: number;
    net_buyers_1h?: number;
    net_buyers_6h?: number;
    net_buyers_24h?: number;
    buy_volume_5m?: number;
    buy_volume_1h?: number;
    buy_volume_6h?: number;
    buy_volume_24h?: number;
    sell_volume_5m?: number;
    sell_volume_1h?: number;
    sell_volume_6h?: number;
    sell_volume_24h?: number;
    organic_volume_5m?: number;
    organic_volume_1h?: number;
    organic_volume_6h?: number;
    organic_volume_24h?: number;
  }
}
